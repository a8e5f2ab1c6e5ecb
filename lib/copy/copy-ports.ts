import type { Manifest } from '../catalog/manifest.ts';
import type { PointDisk, RestorePoint } from '../catalog/restore-point.ts';
import { manifestPath } from '../catalog/storage-layout.ts';
import { SEGMENT_BYTES } from '../digest/segments.ts';
import { MalformedDataError } from '../errors.ts';
import type { EventSink } from '../events.ts';
import { done, type Outcome, type Refusal, refused } from '../outcome.ts';
import type { CatalogStore } from '../ports/catalog-store.ts';
import type { CopyKey, CopyProgress } from '../ports/copy-progress.ts';
import type { ManifestAddress } from '../ports/manifest-store.ts';
import type { ReplicaTarget, ReplicaTargets } from '../ports/replica-target.ts';
import type { SnapshotReader } from '../ports/snapshot-reader.ts';
import type { Clock } from '../time/clock.ts';
import type { Pace } from '../transfer/run-adaptive.ts';

export interface CopyPorts {
  readonly catalog: CatalogStore;
  readonly progress: CopyProgress;
  readonly snapshots: SnapshotReader;
  readonly targets: ReplicaTargets;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Random lower-case hex digits. */
  readonly randomHex: (digits: number) => string;
  readonly options: CopyOptions;
}

export interface CopyOptions {
  /**
   * verified: the target's service fetches the pages, and we read and sum them up too. server: as
   * verified, without reading: nothing proves the copy. streamed: every byte passes through us.
   */
  readonly mover: 'verified' | 'server' | 'streamed';
  /** Bytes of one read or write, at most 4 MiB (Azure's limit for Put Page). */
  readonly requestBytes: number;
  /** Neighbouring ranges that are no farther apart are written as one. */
  readonly mergeGapBytes: number;
  /** Size of the parts that are summed up and noted as finished; a multiple of 4096. */
  readonly segmentBytes: number;
  /** How long one slice goes on; the segment that is begun is finished. */
  readonly timeBudgetMs: number;
  /** For each disk. */
  readonly pace: Pace;
}

export const DEFAULT_COPY_OPTIONS: CopyOptions = {
  mover: 'verified',
  requestBytes: 4 * 1024 * 1024,
  // One blob takes 500 requests/s or 60 MiB/s (Azure's "Scale targets for page blobs"): a request
  // costs as much as 120 KiB, and half of a gap is saved on average.
  mergeGapBytes: 32 * 1024,
  segmentBytes: SEGMENT_BYTES,
  timeBudgetMs: 240_000,
  pace: { startWith: 4, atMost: 8, maxTries: 8, retryDelayMs: 250 },
};

/** What every operation on one copy is told. */
export interface CopyInput extends CopyKey {
  readonly runId: string;
}

export interface DiskCopyInput extends CopyInput {
  readonly diskKey: string;
}

/**
 * Who holds a snapshot's grant open. Of a target's runs one works on a VM at a time, so a run that
 * died is no holder of its own: the next one goes on in its place.
 */
export const grantHolderOf = ({ target }: Pick<CopyKey, 'target'>): string => `replicate~${target}`;

/** Largest disk that a page blob holds with its footer: 8 TiB (Azure's "Scale targets"). */
export const LARGEST_DISK_BYTES = 8191 * 1024 ** 3;

export const findTarget = (ports: CopyPorts, name: string): Outcome<ReplicaTarget> => {
  const target = ports.targets.find(name);
  return target === undefined ? targetUnknown(ports, name) : done(target);
};

const targetUnknown = (ports: CopyPorts, name: string): Refusal =>
  refused(
    'TargetUnknown',
    `There is no replica target '${name}'. Configured: ${ports.targets.names.join(', ') || 'none'}.`,
    name,
  );

export const findRecordedPoint = async (
  ports: CopyPorts,
  key: CopyKey,
): Promise<Outcome<RestorePoint>> => {
  const row = await ports.catalog.getPoint(key.vmKey, key.pointId);
  if (row === undefined) {
    return refused(
      'PointNotFound',
      `There is no restore point ${key.pointId} of VM ${key.vmKey} in the catalog.`,
      key.pointId,
    );
  }
  if (row.value.state !== 'recorded') {
    return refused(
      'PointNotRecorded',
      `Restore point ${key.pointId} is ${row.value.state}: only a recorded one can be copied.`,
      key.pointId,
    );
  }
  return done(row.value);
};

/** A disk with its snapshot, which every recorded point has. */
export type SnapshottedDisk = PointDisk & { readonly snapshot: NonNullable<PointDisk['snapshot']> };

const findPointDisk = (point: RestorePoint, diskKey: string): Outcome<SnapshottedDisk> => {
  const disk = point.disks.find((one) => one.diskKey === diskKey);
  if (disk?.snapshot === undefined) {
    return refused(
      'DiskNotInPoint',
      `Restore point ${point.pointId} has no snapshot of disk ${diskKey}.`,
      diskKey,
    );
  }
  return done({ ...disk, snapshot: disk.snapshot });
};

/** What one disk's copy works on; `TargetUnknown`, `PointNotFound`, `PointNotRecorded` or `DiskNotInPoint`. */
export const findDiskToCopy = async (
  ports: CopyPorts,
  input: DiskCopyInput,
): Promise<
  Outcome<{
    readonly target: ReplicaTarget;
    readonly point: RestorePoint;
    readonly disk: SnapshottedDisk;
  }>
> => {
  const target = findTarget(ports, input.target);
  if (!target.ok) return target;
  const point = await findRecordedPoint(ports, input);
  if (!point.ok) return point;
  const disk = findPointDisk(point.value, input.diskKey);
  if (!disk.ok) return disk;
  return done({ target: target.value, point: point.value, disk: disk.value });
};

/** The manifest, or undefined; a corrupt one is a refusal, because reading it again changes nothing. */
export const readManifest = async (
  target: ReplicaTarget,
  address: ManifestAddress,
): Promise<Outcome<Manifest | undefined>> => {
  try {
    return done(await target.manifests.read(address));
  } catch (error) {
    if (!(error instanceof MalformedDataError)) throw error;
    return refused(
      'ManifestCorrupt',
      `${error.message}. Move the blob away and copy the point again, or restore from another one.`,
      manifestPath(address.vmKey, address.pointId),
    );
  }
};
