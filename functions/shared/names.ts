import type { RunKind } from '../../lib/catalog/identifiers.ts';
import type { RebuiltCatalog } from '../../lib/restore/rebuild-catalog.ts';
import type { RestorePlan } from '../../lib/restore/restore-plan.ts';
import type { StepResult } from '../../lib/restore/restore-ports.ts';
import { activityRef, orchestrationRef, PATIENT } from './durable.ts';
import type * as wire from './wire.ts';

/**
 * Every activity, orchestration and instance id. A name, an input and an output are a wire format:
 * running instances hold them in their history.
 */

export const activities = {
  preparePoint: activityRef<wire.PreparePointInput, wire.PreparedPoint>('preparePoint'),
  snapshotInLockstep: activityRef<wire.PointRef, wire.SnapshotSet>('snapshotInLockstep'),
  beginUncoordinatedSet: activityRef<wire.PointRef, wire.BegunSet>('beginUncoordinatedSet'),
  snapshotDisk: activityRef<wire.SnapshotDiskInput, wire.TimedDiskSnapshot>('snapshotDisk'),
  judgeUncoordinatedSet: activityRef<wire.JudgeSetInput, wire.JudgedSet>('judgeUncoordinatedSet'),
  recordPoint: activityRef<wire.RecordPointInput, wire.RecordedPoint>('recordPoint'),
  failPoint: activityRef<wire.FailPointInput, unknown>('failPoint', PATIENT),

  takeNextCopy: activityRef<wire.TakeNextCopyInput, wire.NextCopy>('takeNextCopy'),
  openDiskCopy: activityRef<wire.DiskCopyRef, wire.OpenedDiskCopy>('openDiskCopy'),
  copySlice: activityRef<wire.CopySliceInput, wire.CopiedSlice>('copySlice'),
  sealDisk: activityRef<wire.OpenDiskCopyRef, wire.SealedDisk>('sealDisk'),
  sealReplica: activityRef<wire.ReplicaRef, wire.SealedReplica>('sealReplica'),
  abandonCopy: activityRef<wire.AbandonCopyInput, unknown>('abandonCopy', PATIENT),
  releaseGrants: activityRef<wire.ReleaseGrantsInput, unknown>('releaseGrants', PATIENT),

  verifyReplicaDisk: activityRef<wire.VerifyDiskInput, wire.VerifiedSlice>('verifyReplicaDisk'),
  markDamaged: activityRef<wire.MarkDamagedInput, unknown>('markDamaged', PATIENT),
  prepareRestore: activityRef<wire.PrepareRestoreInput, RestorePlan>('prepareRestore'),
  restoreDisk: activityRef<wire.RestoreDiskInput, StepResult>('restoreDisk'),
  createNic: activityRef<wire.RestoreStepInput<'createNic'>, StepResult>('createNic'),
  createVm: activityRef<wire.RestoreStepInput<'createVm'>, StepResult>('createVm'),
  finishRestore: activityRef<wire.FinishRestoreInput, unknown>('finishRestore', PATIENT),
  undoRestore: activityRef<wire.UndoRestoreInput, wire.UndoneRestore>('undoRestore', PATIENT),

  rebuildCatalog: activityRef<wire.RebuildCatalogInput, RebuiltCatalog>('rebuildCatalog'),
  removeDoomed: activityRef<wire.NoInput, wire.RemovedDoomed>('removeDoomed'),
  endRun: activityRef<wire.EndRunInput, unknown>('endRun', PATIENT),
} as const;

export const orchestrations = {
  protectVm: orchestrationRef<wire.ProtectVmInput, wire.ProtectedVm>('protectVm'),
  replicateVm: orchestrationRef<wire.ReplicateVmInput, wire.ReplicatedVm>('replicateVm'),
  copyDisk: orchestrationRef<wire.CopyDiskInput, wire.CopiedDisk>('copyDisk'),
  restoreVm: orchestrationRef<wire.RestoreVmInput, wire.RestoredVm>('restoreVm'),
  verifyDisk: orchestrationRef<wire.VerifyDiskInput, wire.VerifiedDisk>('verifyDisk'),
  rebuildFromReplicas: orchestrationRef<wire.RebuildInput, wire.RebuiltTargets>(
    'rebuildFromReplicas',
  ),
  closeRun: orchestrationRef<wire.CloseRunInput, wire.ClosedRun>('closeRun'),
  expireDoomed: orchestrationRef<wire.NoInput, wire.RemovedDoomed>('expireDoomed'),
} as const;

/**
 * Instance ids. One instance works on one thing at a time: the id comes from the thing, so that a
 * second start is refused. No `/`, `#` or `?`: the client does not encode them.
 */
export const instanceIds = {
  protect: (vmKey: string): string => `protect-${vmKey}`,
  replicate: (vmKey: string, target: string): string => `replicate-${vmKey}-${target}`,
  /** Every restore makes things of its own, so it has an instance of its own. */
  restore: (runId: string): string => runId,
  /**
   * Children carry the run and the point: a child with the id of a running instance would silently
   * replace it. The point's random digits stand for it: ids have at most 100 characters, the bound
   * of the Durable Task Scheduler.
   */
  copyDisk: (runId: string, pointId: string, diskKey: string): string =>
    `${runId}-copy-${pointId.slice(-8)}-${diskKey}`,
  verifyDisk: (runId: string, diskKey: string): string => `${runId}-verify-${diskKey}`,
  closeRun: (runId: string): string => `close-${runId}`,
  rebuild: 'rebuild-catalog',
  expire: 'expire-doomed',
} as const;

/** The role that works on a kind of run, in whose app its instance is found. */
export const roleOfRun: Readonly<Record<RunKind, 'protect' | 'move' | 'expire' | 'restore'>> = {
  protect: 'protect',
  replicate: 'move',
  restore: 'restore',
  expire: 'expire',
};
