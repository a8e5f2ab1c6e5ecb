import type { DiskSnapshot, RestorePoint } from '../../../lib/catalog/restore-point.ts';
import { abandonCopy } from '../../../lib/copy/abandon-copy.ts';
import {
  type CopyOptions,
  type CopyPorts,
  DEFAULT_COPY_OPTIONS,
} from '../../../lib/copy/copy-ports.ts';
import { copySlice } from '../../../lib/copy/copy-slice.ts';
import { openDiskCopy } from '../../../lib/copy/open-disk-copy.ts';
import { releaseGrants } from '../../../lib/copy/release-grants.ts';
import { sealDisk } from '../../../lib/copy/seal-disk.ts';
import { sealReplica } from '../../../lib/copy/seal-replica.ts';
import { takeNextCopy } from '../../../lib/copy/take-next-copy.ts';
import { createPageSum } from '../../../lib/digest/page-sum.ts';
import { segmentCountOf, segmentRangeOf } from '../../../lib/digest/segments.ts';
import type { Outcome } from '../../../lib/outcome.ts';
import type { ReplicaTarget } from '../../../lib/ports/replica-target.ts';
import type { Clock } from '../../../lib/time/clock.ts';
import { type FaultHooks, injectFaults } from '../../fakes/inject-faults.ts';
import { createMemoryCatalogStore } from '../../fakes/memory-catalog-store.ts';
import { createMemoryCopyProgress } from '../../fakes/memory-copy-progress.ts';
import type { MemoryImage } from '../../fakes/memory-image.ts';
import { createMemoryManifests } from '../../fakes/memory-manifests.ts';
import { createMemoryReplicas } from '../../fakes/memory-replicas.ts';
import { createMemorySnapshots } from '../../fakes/memory-snapshots.ts';
import {
  SAMPLE_VM_KEY,
  sampleConfiguration,
  sampleCopy,
  sampleDisks,
  samplePoint,
} from '../../fakes/sample-point.ts';
import { silentEvents } from '../../fakes/silent-events.ts';

export const TARGET = 'paired';
export const SEGMENT_BYTES = 16 * 4096;

const TEST_OPTIONS: CopyOptions = {
  ...DEFAULT_COPY_OPTIONS,
  requestBytes: 3 * 4096,
  mergeGapBytes: 1024,
  segmentBytes: SEGMENT_BYTES,
  timeBudgetMs: 0,
  pace: { startWith: 2, atMost: 3, maxTries: 3, retryDelayMs: 1 },
};

/** Time passes only when somebody sleeps. */
const createTestClock = (): Clock => {
  let ms = Date.UTC(2026, 10, 23, 19);
  return {
    now: () => new Date(ms),
    monotonicMs: () => ms,
    sleep: async (duration) => {
      ms += duration;
    },
  };
};

/** One VM whose disks are copied to one target; everything in memory. */
export const createCopyWorld = (options: Partial<CopyOptions> = {}, hooks: FaultHooks = {}) => {
  let drawn = 0;
  let fetchAllowed = true;
  let onWrite: (() => void | Promise<void>) | undefined;
  const snapshots = createMemorySnapshots();
  const replicas = createMemoryReplicas({
    fetch: (url) => (fetchAllowed ? snapshots.imageOfUrl(url) : undefined),
    onWrite: () => onWrite?.(),
  });
  const manifests = createMemoryManifests();
  const progress = createMemoryCopyProgress();
  const catalog = createMemoryCatalogStore();
  const wrap = <T extends object>(port: T, name: string): T => injectFaults(port, hooks, name);
  const target: ReplicaTarget = {
    name: TARGET,
    region: 'northeurope',
    replicas: wrap(replicas, 'replicas'),
    manifests: wrap(manifests, 'manifests'),
  };
  const ports: CopyPorts = {
    catalog: wrap(catalog, 'catalog'),
    progress: wrap(progress, 'progress'),
    snapshots: wrap(snapshots, 'snapshots'),
    targets: { names: [TARGET], find: (name) => (name === TARGET ? target : undefined) },
    clock: createTestClock(),
    events: silentEvents,
    randomHex: (digits) => {
      drawn += 1;
      return drawn.toString(16).padStart(digits, '0');
    },
    options: { ...TEST_OPTIONS, ...options },
  };
  return {
    ports,
    snapshots,
    replicas,
    manifests,
    progress,
    catalog,
    refuseFetches: () => {
      fetchAllowed = false;
    },
    onWrite: (hook: (() => void | Promise<void>) | undefined) => {
      onWrite = hook;
    },
  };
};

export type CopyWorld = ReturnType<typeof createCopyWorld>;

/** Records a point of the given disks; its copy to the target is pending. */
export const addPoint = async (
  world: CopyWorld,
  images: readonly MemoryImage[],
  sequence = 0,
  change: (snapshot: DiskSnapshot) => DiskSnapshot = (snapshot) => snapshot,
): Promise<RestorePoint> => {
  const configuration = sampleConfiguration({
    disks: sampleDisks(images.length - 1).map((disk, index) => ({
      ...disk,
      sizeBytes: images[index]?.sizeBytes ?? 0,
    })),
  });
  const point = samplePoint({ configuration }, sequence);
  const disks = point.disks.map((disk) => {
    if (disk.snapshot === undefined) throw new TypeError('the sample has snapshots');
    const uniqueId = `${disk.snapshot.uniqueId}-${sequence}`;
    return { ...disk, snapshot: change({ ...disk.snapshot, uniqueId }) };
  });
  for (const [index, disk] of disks.entries()) {
    const image = images[index];
    if (image !== undefined) world.snapshots.put(disk.snapshot, image);
  }
  const recorded = { ...point, disks };
  await world.catalog.createPoint(recorded);
  await world.catalog.createCopy(
    sampleCopy({ pointId: point.pointId, copy: TARGET, state: 'pending' }),
  );
  return recorded;
};

export const RUN = { vmKey: SAMPLE_VM_KEY, target: TARGET };

/** An activity with its retries: what throws is called again. */
const retried = async <T>(activity: () => Promise<Outcome<T>>, tries: number): Promise<T> => {
  for (let left = tries; ; left -= 1) {
    try {
      const outcome = await activity();
      if (!outcome.ok) throw new RefusalSeen(outcome.errorCode, outcome.message);
      return outcome.value;
    } catch (error) {
      if (error instanceof RefusalSeen || left <= 1) throw error;
    }
  }
};

export class RefusalSeen extends Error {
  readonly errorCode: string;
  constructor(errorCode: string, message: string) {
    super(`${errorCode}: ${message}`);
    this.errorCode = errorCode;
  }
}

/** What the orchestrations do with one VM and target until nothing is pending. */
export const replicate = async (
  { ports }: Pick<CopyWorld, 'ports'>,
  runId: string,
  tries = 1,
): Promise<readonly string[]> => {
  const run = { ...RUN, runId };
  const points: string[] = [];
  for (;;) {
    const next = await retried(() => takeNextCopy(ports, run), tries);
    if ('nothing' in next) return points;
    const { pointId } = next;
    try {
      await Promise.all(
        next.disks.map(async ({ diskKey }) => {
          const disk = { ...run, pointId, diskKey };
          const { attempt, chainId } = await retried(() => openDiskCopy(ports, disk), tries);
          let fromOffset: number | null = 0;
          while (fromOffset !== null) {
            const from: number = fromOffset;
            const slice = await retried(
              () => copySlice(ports, { ...disk, attempt, chainId, fromOffset: from }),
              tries,
            );
            fromOffset = slice.nextOffset;
          }
          await retried(() => sealDisk(ports, { ...disk, attempt, chainId }), tries);
        }),
      );
      await retried(() => sealReplica(ports, { ...run, pointId }), tries);
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown';
      await retried(() => abandonCopy(ports, { ...run, pointId, reason }), 50);
      await retried(() => releaseGrants(ports, run), 50);
      throw error;
    }
    await retried(() => releaseGrants(ports, run), tries);
    points.push(pointId);
  }
};

export const runIdOf = (number: number): string =>
  `replicate-${SAMPLE_VM_KEY}-20261123T19${String(number).padStart(4, '0')}Z-0a0b0c`;

/** Segment sums of an image, computed anew. */
export const sumsOf = (image: MemoryImage): readonly string[] =>
  Array.from({ length: segmentCountOf(image.sizeBytes, SEGMENT_BYTES) }, (_, index) => {
    const { start, end } = segmentRangeOf(index, image.sizeBytes, SEGMENT_BYTES);
    const sum = createPageSum();
    sum.add(start, image.read(start, end - start));
    return sum.toHex();
  });
