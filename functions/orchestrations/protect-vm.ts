import type { OrchestrationContext, Task } from 'durable-functions';
import * as df from 'durable-functions';
import { type Outcome, type Refusal, refused } from '../../lib/outcome.ts';
import { call, callAll } from '../shared/durable.ts';
import { activities, orchestrations } from '../shared/names.ts';
import { failingStatus, leftOpen } from '../shared/open-run.ts';
import { registerFor } from '../shared/register.ts';
import type { PointRef, ProtectedVm, ProtectVmInput, SnapshotSet } from '../shared/wire.ts';

type Run<T> = Generator<Task, T, unknown>;

/** What a run has learned of its point so far: its undo needs it. */
type Progress = { vmKey?: string; pointId?: string };

/**
 * One restore point of one VM: prepare, take the set as the provider does it, record. Whatever fails
 * in between, everything that the run made is given to `expire`, and the VM's lock is released.
 */
export function* protectVm(ctx: OrchestrationContext): Run<Outcome<ProtectedVm>> {
  const input = ctx.df.getInput<ProtectVmInput>();
  const known: Progress = {};
  const outcome = yield* makePoint(ctx, input, known);
  if (outcome.ok) {
    yield* call(ctx, activities.endRun, {
      runId: input.runId,
      state: 'succeeded',
      pointId: outcome.value.pointId,
      result: { pointId: outcome.value.pointId, label: outcome.value.label },
    });
    return outcome;
  }
  return yield* fail(ctx, input.runId, known, outcome);
}

function* makePoint(
  ctx: OrchestrationContext,
  input: ProtectVmInput,
  known: Progress,
): Run<Outcome<ProtectedVm>> {
  const { runId, vmId, requested, targets } = input;
  ctx.df.setCustomStatus({ runId, phase: 'preparing' });
  const prepared = yield* call(ctx, activities.preparePoint, { runId, vmId, requested, targets });
  if (!prepared.ok) return prepared;
  const { vmKey, pointId, disks } = prepared.value;
  known.vmKey = vmKey;
  known.pointId = pointId;
  const point: PointRef = { runId, vmKey, pointId };

  ctx.df.setCustomStatus({ runId, phase: 'snapshotting', pointId, disks: disks.length });
  const diskKeys = disks.map((disk) => disk.diskKey);
  const set = yield* takeSet(ctx, requested.provider, point, diskKeys);
  if (!set.ok) return set;

  ctx.df.setCustomStatus({ runId, phase: 'recording', pointId, disks: disks.length });
  const { attempt, snapshots, verdict } = set.value;
  const recorded = yield* call(ctx, activities.recordPoint, {
    ...point,
    attempt,
    snapshots: snapshots.map(({ diskKey, snapshot }) => ({ diskKey, snapshot })),
    verdict,
    targets,
  });
  if (!recorded.ok) return recorded;
  ctx.df.setCustomStatus({ runId, phase: 'done', pointId, label: recorded.value.label });
  return { ok: true, value: { pointId, label: recorded.value.label } };
}

function* takeSet(
  ctx: OrchestrationContext,
  provider: ProtectVmInput['requested']['provider'],
  point: PointRef,
  diskKeys: readonly string[],
): Run<Outcome<SnapshotSet>> {
  switch (provider) {
    case 'lockstep':
      return yield* call(ctx, activities.snapshotInLockstep, point);
    case 'crash':
      return yield* takeUncoordinatedSet(ctx, point, diskKeys);
    case 'restorePoint':
    case 'offline':
      return refused(
        'ProviderNotSupported',
        `The provider ${provider} is not available: ask for lockstep or crash`,
        'consistency.provider',
      );
  }
}

/** Nothing is frozen, so the disks may wait in a queue: one activity each, all at once. */
function* takeUncoordinatedSet(
  ctx: OrchestrationContext,
  point: PointRef,
  diskKeys: readonly string[],
): Run<Outcome<SnapshotSet>> {
  const begun = yield* call(ctx, activities.beginUncoordinatedSet, point);
  if (!begun.ok) return begun;
  const { attempt } = begun.value;
  const taken = yield* callAll(
    ctx,
    activities.snapshotDisk,
    diskKeys.map((diskKey) => ({ ...point, attempt, diskKey })),
  );
  const missed = taken.find((outcome): outcome is Refusal => !outcome.ok);
  if (missed) return missed;
  const snapshots = taken.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  const judged = yield* call(ctx, activities.judgeUncoordinatedSet, {
    ...point,
    attempt,
    snapshots,
  });
  if (!judged.ok) return judged;
  return { ok: true, value: { attempt, snapshots, verdict: judged.value.verdict } };
}

function* fail(
  ctx: OrchestrationContext,
  runId: string,
  known: Progress,
  refusal: Refusal,
): Run<Refusal> {
  const { errorCode, message } = refusal;
  ctx.df.setCustomStatus(failingStatus(runId, 'failing', refusal));
  const failed = yield* call(ctx, activities.failPoint, { runId, ...known, errorCode, message });
  if (!failed.ok) throw leftOpen(refusal, failed);
  yield* call(ctx, activities.endRun, {
    runId,
    state: 'failed',
    ...(known.pointId === undefined ? {} : { pointId: known.pointId }),
    failure: { errorCode, message },
  });
  return refusal;
}

registerFor(orchestrations.protectVm.name, () => {
  df.app.orchestration(orchestrations.protectVm.name, protectVm);
});
