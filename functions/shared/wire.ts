import type { RunKind } from '../../lib/catalog/identifiers.ts';
import type { ConsistencyLabel, ConsistencyRequest, Verdict } from '../../lib/catalog/labels.ts';
import type { DiskSnapshot } from '../../lib/catalog/restore-point.ts';
import type { NotListed } from '../../lib/restore/rebuild-catalog.ts';
import type { RestoreOrigin, RestorePlan, RestoreStep } from '../../lib/restore/restore-plan.ts';
import type { RestoreRequest } from '../../lib/restore/restore-request.ts';

/**
 * What goes through the history between orchestrations and activities: small JSON without secrets.
 * The compiler compares it with the operations where activities are registered.
 */

export type NoInput = Readonly<Record<string, never>>;

export interface RunRef {
  readonly runId: string;
}
export interface PointRef extends RunRef {
  readonly vmKey: string;
  readonly pointId: string;
}

export interface PreparePointInput {
  readonly runId: string;
  readonly vmId: string;
  readonly requested: ConsistencyRequest;
  /** Names of the replica targets. */
  readonly targets: readonly string[];
}
export interface PreparedPoint {
  readonly vmKey: string;
  readonly pointId: string;
  readonly disks: readonly {
    readonly diskKey: string;
    readonly lun: number;
    readonly diskId: string;
  }[];
}

export interface BegunSet {
  readonly attempt: string;
}
export interface SnapshotDiskInput extends PointRef {
  readonly attempt: string;
  readonly diskKey: string;
}
export interface TakenSnapshot {
  readonly diskKey: string;
  readonly snapshot: DiskSnapshot;
}
export interface TimedDiskSnapshot extends TakenSnapshot {
  readonly requestedAtUtc: string;
  readonly succeededAtUtc: string;
}
export interface JudgeSetInput extends PointRef {
  readonly attempt: string;
  readonly snapshots: readonly TimedDiskSnapshot[];
}
export interface JudgedSet {
  readonly verdict: Verdict;
}
export interface SnapshotSet extends BegunSet, JudgedSet {
  readonly snapshots: readonly TakenSnapshot[];
}
export interface RecordPointInput extends PointRef, SnapshotSet {
  readonly targets: readonly string[];
}
export interface RecordedPoint {
  readonly label: ConsistencyLabel;
}
export interface FailPointInput {
  readonly runId: string;
  readonly vmKey?: string;
  readonly pointId?: string;
  readonly errorCode: string;
  readonly message: string;
}

export interface ReplicateVmInput {
  readonly runId: string;
  readonly vmKey: string;
  readonly target: string;
  /** Points finished by earlier rounds of this instance. */
  readonly pointsDone?: number;
  /** Tries of this VM and target that failed in a row; moveTick makes its pauses of it. */
  readonly failedBefore?: number;
}
export interface ReplicatedVm {
  readonly points: number;
}
export type TakeNextCopyInput = Omit<ReplicateVmInput, 'pointsDone' | 'failedBefore'>;
export type NextCopy =
  | { readonly nothing: true }
  | { readonly pointId: string; readonly disks: readonly { readonly diskKey: string }[] };

export interface ReplicaRef extends PointRef {
  readonly target: string;
}
export interface ReleaseGrantsInput extends RunRef {
  readonly target: string;
}
export interface DiskCopyRef extends ReplicaRef {
  readonly diskKey: string;
}
export interface OpenedDiskCopy {
  readonly attempt: string;
  readonly chainId: string;
  readonly kind: 'base' | 'increment';
  readonly baseReason?: string;
  readonly mover: 'streamed' | 'server';
  readonly sizeBytes: number;
}
export interface OpenDiskCopyRef extends DiskCopyRef {
  readonly attempt: string;
  readonly chainId: string;
}
export interface CopySliceInput extends OpenDiskCopyRef {
  readonly fromOffset: number;
}
export interface CopiedSlice {
  /** Where the next slice begins; null when the disk is copied. */
  readonly nextOffset: number | null;
  readonly copiedBytes: number;
  /** The mover may change while a disk is copied. */
  readonly mover: OpenedDiskCopy['mover'];
}
export interface SealedDisk {
  readonly blobSnapshot: string;
}
export interface SealedReplica {
  readonly manifestPath: string;
}
export interface AbandonCopyInput extends ReplicaRef {
  readonly reason: string;
}
export interface CopyDiskInput extends DiskCopyRef {
  /** Set from the second round of the instance on. */
  readonly resume?: {
    readonly opened: OpenedDiskCopy;
    readonly mover: OpenedDiskCopy['mover'];
    readonly fromOffset: number;
    readonly copiedBytes: number;
  };
}
export interface CopiedDisk extends SealedDisk {
  readonly diskKey: string;
  readonly copiedBytes: number;
}

export interface ProtectVmInput extends PreparePointInput {}
export interface ProtectedVm {
  readonly pointId: string;
  readonly label: ConsistencyLabel;
}

export interface RebuildCatalogInput {
  readonly target?: string;
}
export interface RebuildInput {
  readonly targets: readonly string[];
}
/** A sum over the targets. */
export interface RebuiltTargets {
  readonly points: number;
  readonly added: number;
  readonly notListed: readonly NotListed[];
}
export interface RemovedDoomed {
  readonly removed: number;
  readonly left: number;
}

export interface CloseRunInput {
  readonly runId: string;
  readonly kind: RunKind;
  /** Of a replicate run. */
  readonly target?: string;
  readonly failure: { readonly errorCode: string; readonly message: string };
}
export interface ClosedRun {
  readonly runId: string;
}

/** How a run ended; written to its row. */
export interface EndRunInput {
  readonly runId: string;
  readonly state: 'succeeded' | 'failed';
  readonly pointId?: string;
  readonly failure?: { readonly errorCode: string; readonly message: string };
  readonly result?: Readonly<Record<string, unknown>>;
}

export interface PrepareRestoreInput {
  readonly request: RestoreRequest;
  readonly runId: string;
  readonly dryRun: boolean;
}
export interface RestoreDiskInput extends RestoreStepInput<'restoreDisk'> {
  /** Whether the replica's digest was compared in this run. */
  readonly verified: boolean;
}
export interface FinishRestoreInput {
  readonly runId: string;
  readonly plan: RestorePlan;
}
export interface RestoreStepInput<K extends RestoreStep['kind']> {
  readonly runId: string;
  readonly origin: RestoreOrigin;
  readonly step: Extract<RestoreStep, { readonly kind: K }>;
}
export interface UndoRestoreInput {
  readonly runId: string;
  /** Absent when the plan was refused. */
  readonly origin?: RestoreOrigin;
}
export interface UndoneRestore {
  /** What could not be removed, and why. */
  readonly left: readonly { readonly resourceId: string; readonly reason: string }[];
}
export interface RestoreVmInput {
  readonly runId: string;
  readonly request: RestoreRequest;
}
export interface RestoredVm {
  readonly pointId: string;
  readonly vmId: string;
  readonly region: string;
  readonly diskIds: readonly string[];
}
export interface VerifyDiskInput {
  readonly runId: string;
  readonly target: string;
  readonly vmKey: string;
  readonly pointId: string;
  readonly diskKey: string;
  readonly fromOffset: number;
}
export interface VerifiedSlice {
  readonly nextOffset: number | null;
}
export interface VerifiedDisk {
  readonly diskKey: string;
}
export interface MarkDamagedInput {
  readonly vmKey: string;
  readonly pointId: string;
  readonly target: string;
  readonly reason: string;
}
