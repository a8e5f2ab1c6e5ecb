import type { DiskSnapshot } from '../../lib/catalog/restore-point.ts';
import { BackupError } from '../../lib/errors.ts';
import type { OpenSnapshot, SnapshotReader } from '../../lib/ports/snapshot-reader.ts';
import type { MemoryImage } from './memory-image.ts';

export interface MemorySnapshots extends SnapshotReader {
  put(snapshot: DiskSnapshot, image: MemoryImage): void;
  remove(snapshotId: string): void;
  /** The content behind a URL that `sourceUrl` gave and that is still valid. */
  imageOfUrl(url: string): MemoryImage | undefined;
  expireGrants(): void;
  readonly openGrants: readonly string[];
  readonly bytesRead: number;
}

export const createMemorySnapshots = (): MemorySnapshots => {
  const snapshots = new Map<string, { snapshot: DiskSnapshot; image: MemoryImage }>();
  const grants = new Map<string, string>();
  let grantNumber = 0;
  let bytesRead = 0;

  const find = (snapshotId: string) => {
    const found = snapshots.get(snapshotId);
    if (found === undefined) throw new BackupError('BlobNotFound', `no snapshot ${snapshotId}`);
    return found;
  };
  const grant = (snapshotId: string): string => {
    find(snapshotId);
    const known = grants.get(snapshotId);
    if (known !== undefined) return known;
    grantNumber += 1;
    const url = `https://memory.test/${grantNumber}?sig=secret-${grantNumber}`;
    grants.set(snapshotId, url);
    return url;
  };

  const open = (snapshotId: string, sizeBytes: number): OpenSnapshot => ({
    snapshotId,
    sizeBytes,
    async listAllocated(window) {
      grant(snapshotId);
      return find(snapshotId).image.allocated(window);
    },
    async listChanged(previous, window) {
      grant(snapshotId);
      grant(previous.snapshotId);
      if (find(snapshotId).snapshot.familyId !== find(previous.snapshotId).snapshot.familyId) {
        throw new BackupError('DiffRefused', 'BlobGenerationMismatch');
      }
      return find(snapshotId).image.changedSince(find(previous.snapshotId).image, window);
    },
    async read(offset, into) {
      grant(snapshotId);
      into.set(find(snapshotId).image.read(offset, into.length));
      bytesRead += into.length;
    },
    async sourceUrl(refusedUrl) {
      if (grants.get(snapshotId) === refusedUrl) grants.delete(snapshotId);
      return grant(snapshotId);
    },
  });

  return {
    put: (snapshot, image) => snapshots.set(snapshot.snapshotId, { snapshot, image: image.copy() }),
    remove: (snapshotId) => snapshots.delete(snapshotId),
    imageOfUrl(url) {
      for (const [snapshotId, granted] of grants) {
        if (granted === url) return snapshots.get(snapshotId)?.image;
      }
      return undefined;
    },
    expireGrants() {
      for (const snapshotId of grants.keys()) grants.set(snapshotId, `expired-${snapshotId}`);
    },
    get openGrants() {
      return [...grants.keys()];
    },
    get bytesRead() {
      return bytesRead;
    },
    async describe(snapshotId) {
      const found = snapshots.get(snapshotId);
      if (found === undefined) return undefined;
      const { name: _, ...facts } = found.snapshot;
      return { ...facts, sizeBytes: found.image.sizeBytes };
    },
    open,
    async revoke(snapshotId) {
      grants.delete(snapshotId);
    },
  };
};
