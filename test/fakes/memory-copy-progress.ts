import type { ManifestDisk } from '../../lib/catalog/manifest.ts';
import type {
  CopyAttempt,
  CopyKey,
  CopyProgress,
  SegmentProgress,
} from '../../lib/ports/copy-progress.ts';

export interface MemoryCopyProgress extends CopyProgress {
  readonly rows: number;
}

const stored = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export const createMemoryCopyProgress = (): MemoryCopyProgress => {
  const attempts = new Map<string, CopyAttempt>();
  const segments = new Map<string, Map<number, SegmentProgress>>();
  const sealed = new Map<string, ManifestDisk>();
  const holders = new Map<string, Set<string>>();
  const keyOf = (copy: CopyKey, ...rest: string[]): string =>
    [copy.vmKey, copy.pointId, copy.target, ...rest].join('|');
  return {
    get rows() {
      return attempts.size + segments.size + sealed.size;
    },
    async prepare() {},
    getAttempt: async (copy, diskKey) => attempts.get(keyOf(copy, diskKey)),
    async putAttempt(copy, attempt) {
      attempts.set(keyOf(copy, attempt.diskKey), stored(attempt));
    },
    listSegments: async (copy, diskKey, lineage) =>
      [...(segments.get(keyOf(copy, diskKey, lineage))?.values() ?? [])].sort(
        (a, b) => a.index - b.index,
      ),
    async putSegment(copy, diskKey, lineage, segment) {
      const key = keyOf(copy, diskKey, lineage);
      const known = segments.get(key) ?? new Map<number, SegmentProgress>();
      segments.set(key, known.set(segment.index, stored(segment)));
    },
    getSealedDisk: async (copy, diskKey) => sealed.get(keyOf(copy, diskKey)),
    async putSealedDisk(copy, disk) {
      sealed.set(keyOf(copy, disk.diskKey), stored(disk));
    },
    async forget(copy) {
      for (const map of [attempts, segments, sealed]) {
        for (const key of map.keys()) if (key.startsWith(keyOf(copy, ''))) map.delete(key);
      }
    },
    async holdGrant(snapshotId, holder) {
      const known = holders.get(snapshotId) ?? new Set<string>();
      holders.set(snapshotId, known.add(holder));
    },
    async dropGrant(snapshotId, holder) {
      const known = holders.get(snapshotId);
      known?.delete(holder);
      return known?.size ?? 0;
    },
  };
};
