import type { OrchestrationContext, Task } from 'durable-functions';
import * as df from 'durable-functions';
import { type Outcome, type Refusal, refused } from '../../lib/outcome.ts';
import { call, callChildren } from '../shared/durable.ts';
import { activities, instanceIds, orchestrations } from '../shared/names.ts';
import { registerFor } from '../shared/register.ts';
import type { ReplicaRef, ReplicatedVm, ReplicateVmInput } from '../shared/wire.ts';

type Run<T> = Generator<Task, T, unknown>;

/**
 * Copies the recorded points of one VM to one target, oldest first, until none is left. Each point
 * is a round of the instance (continue-as-new), so that the history stays as small as one point's.
 */
export function* replicateVm(ctx: OrchestrationContext): Run<Outcome<ReplicatedVm>> {
  const { runId, vmKey, target, pointsDone = 0 } = ctx.df.getInput<ReplicateVmInput>();
  const next = yield* call(ctx, activities.takeNextCopy, { runId, vmKey, target });
  if (!next.ok) return yield* end(ctx, runId, pointsDone, next);
  if ('nothing' in next.value) return yield* end(ctx, runId, pointsDone, undefined);

  const { pointId, disks } = next.value;
  const diskKeys = disks.map((disk) => disk.diskKey);
  const replica: ReplicaRef = { runId, vmKey, pointId, target };
  ctx.df.setCustomStatus({ runId, phase: 'copying', pointId, target, diskKeys, pointsDone });
  const copied = yield* copyPoint(ctx, replica, diskKeys);
  if (!copied.ok) {
    const { errorCode, message } = copied;
    const reason = `${errorCode}: ${message}`;
    const abandoned = yield* call(ctx, activities.abandonCopy, { ...replica, reason });
    yield* call(ctx, activities.releaseGrants, { runId, target });
    const note = abandoned.ok ? '' : ` (and it could not be given back: ${abandoned.message})`;
    const refusal = refused(errorCode, `${message}${note}`, copied.target);
    return yield* end(ctx, runId, pointsDone, refusal, pointId);
  }
  // A grant that stays open ends by its own expiry; the replica is sealed all the same.
  yield* call(ctx, activities.releaseGrants, { runId, target });
  ctx.df.continueAsNew({ runId, vmKey, target, pointsDone: pointsDone + 1 });
  return { ok: true, value: { points: pointsDone + 1 } };
}

/** All disks at once, each by its own child; sealed as one replica only when all of them are. */
function* copyPoint(
  ctx: OrchestrationContext,
  replica: ReplicaRef,
  diskKeys: readonly string[],
): Run<Outcome<unknown>> {
  const disks = yield* callChildren(
    ctx,
    orchestrations.copyDisk,
    diskKeys.map((diskKey) => ({
      instanceId: instanceIds.copyDisk(replica.runId, replica.pointId, diskKey),
      input: { ...replica, diskKey },
    })),
  );
  const missed = disks.find((outcome): outcome is Refusal => !outcome.ok);
  if (missed) return missed;
  return yield* call(ctx, activities.sealReplica, replica);
}

function* end(
  ctx: OrchestrationContext,
  runId: string,
  points: number,
  refusal: Refusal | undefined,
  pointId?: string,
): Run<Outcome<ReplicatedVm>> {
  yield* call(ctx, activities.endRun, {
    runId,
    state: refusal === undefined ? 'succeeded' : 'failed',
    result: { points },
    ...(pointId === undefined ? {} : { pointId }),
    ...(refusal === undefined
      ? {}
      : { failure: { errorCode: refusal.errorCode, message: refusal.message } }),
  });
  return refusal ?? { ok: true, value: { points } };
}

registerFor(orchestrations.replicateVm.name, () => {
  df.app.orchestration(orchestrations.replicateVm.name, replicateVm);
});
