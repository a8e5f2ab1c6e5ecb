import type { OrchestrationContext, Task } from 'durable-functions';
import * as df from 'durable-functions';
import { type Outcome, type Refusal, refused } from '../../lib/outcome.ts';
import type { RestorePlan, RestoreStep } from '../../lib/restore/restore-plan.ts';
import type { StepResult } from '../../lib/restore/restore-ports.ts';
import { type ActivityRef, call, callAll, callChildren, waitFor } from '../shared/durable.ts';
import { activities, instanceIds, orchestrations } from '../shared/names.ts';
import { failingStatus, leftOpen } from '../shared/open-run.ts';
import { registerFor } from '../shared/register.ts';
import type { RestoredVm, RestoreVmInput } from '../shared/wire.ts';

type Run<T> = Generator<Task, T, unknown>;
type StepOf<K extends RestoreStep['kind']> = Extract<RestoreStep, { readonly kind: K }>;

/**
 * Builds a VM from one copy of a point, as its plan says: the copy is verified before anything is
 * made of it, then disks, NICs and the VM. Whatever fails, everything that the run made is removed,
 * and what could not be removed is named.
 */
export function* restoreVm(ctx: OrchestrationContext): Run<Outcome<RestoredVm>> {
  const { runId, request } = ctx.df.getInput<RestoreVmInput>();
  ctx.df.setCustomStatus({ runId, phase: 'planning' });
  const prepared = yield* call(ctx, activities.prepareRestore, { request, runId, dryRun: false });
  const made = prepared.ok ? yield* followPlan(ctx, runId, prepared.value) : prepared;
  if (!made.ok) return yield* undo(ctx, runId, prepared.ok ? prepared.value : undefined, made);

  const { pointId } = made.value;
  ctx.df.setCustomStatus({ runId, phase: 'done', ...made.value });
  yield* call(ctx, activities.endRun, {
    runId,
    state: 'succeeded',
    pointId,
    result: { ...made.value },
  });
  return made;
}

const stepsOf = <K extends RestoreStep['kind']>(plan: RestorePlan, kind: K): StepOf<K>[] =>
  plan.steps.filter((step): step is StepOf<K> => step.kind === kind);

function* followPlan(
  ctx: OrchestrationContext,
  runId: string,
  plan: RestorePlan,
): Run<Outcome<RestoredVm>> {
  const { origin } = plan;
  const verified = yield* verify(ctx, runId, plan);
  if (!verified.ok) return verified;

  const { pointId } = origin;
  const show = (phase: string, steps: readonly RestoreStep[], progress?: Progress) => {
    const what = steps.slice(0, 8).map((step) => step.what.slice(0, 120));
    ctx.df.setCustomStatus({ runId, phase, pointId, steps: steps.length, what, ...progress });
  };
  const disks = stepsOf(plan, 'restoreDisk');
  const nics = stepsOf(plan, 'createNic');
  const vms = stepsOf(plan, 'createVm');
  const verifiedKeys = new Set(stepsOf(plan, 'verifyDisk').map((step) => step.diskKey));
  const toInput = <S extends RestoreStep>(step: S) => ({ runId, origin, step });
  const report = (phase: string, steps: readonly RestoreStep[]) => (progress: Progress) =>
    show(phase, steps, progress);
  const restored = yield* finishAll(
    ctx,
    activities.restoreDisk,
    disks.map((step) => ({ ...toInput(step), verified: verifiedKeys.has(step.diskKey) })),
    report('restoringDisks', disks),
  );
  if (!restored.ok) return restored;
  const created = yield* finishAll(
    ctx,
    activities.createNic,
    nics.map(toInput),
    report('creatingNics', nics),
  );
  if (!created.ok) return created;
  const built = yield* finishAll(
    ctx,
    activities.createVm,
    vms.map(toInput),
    report('creatingVm', vms),
  );
  if (!built.ok) return built;
  show('finishing', stepsOf(plan, 'finishRestore'));
  const finished = yield* call(ctx, activities.finishRestore, { runId, plan });
  if (!finished.ok) return finished;
  const diskIds = disks.map((step) => step.diskId);
  return {
    ok: true,
    value: { pointId: origin.pointId, vmId: plan.vmId, region: origin.region, diskIds },
  };
}

/** Between two looks at what the platform is still making. */
const LOOK_AGAIN_MS = 2_000;
/** Rounds of up to four minutes each: hours for a scratch copy that the account makes by itself. */
const MOST_ROUNDS = 60;

/** How far the steps of one kind are; bytes are those of scratch copies under way. */
interface Progress {
  readonly finished: number;
  readonly copiedBytes: number;
}

/** Steps of one kind, all at once; those that are not finished are called again until they are. */
function* finishAll<I>(
  ctx: OrchestrationContext,
  activity: ActivityRef<I, StepResult>,
  inputs: readonly I[],
  report: (progress: Progress) => void,
): Run<Outcome<unknown>> {
  let open = inputs;
  report({ finished: 0, copiedBytes: 0 });
  for (let round = 0; open.length > 0; round += 1) {
    if (round === MOST_ROUNDS) {
      return refused('RestoreTooSlow', `${activity.name} was not finished after ${round} rounds`);
    }
    if (round > 0) yield* waitFor(ctx, LOOK_AGAIN_MS);
    const outcomes = yield* callAll(ctx, activity, open);
    const missed = outcomes.find((outcome): outcome is Refusal => !outcome.ok);
    if (missed) return missed;
    const answers = outcomes.map((outcome) => (outcome.ok ? outcome.value : undefined));
    open = open.filter((_, index) => answers[index]?.finished === false);
    report({
      finished: inputs.length - open.length,
      copiedBytes: answers.reduce((sum, answer) => sum + (answer?.copiedBytes ?? 0), 0),
    });
  }
  return { ok: true, value: {} };
}

/** A replica is read whole and compared before it becomes disks; a damaged copy is marked as such. */
function* verify(
  ctx: OrchestrationContext,
  runId: string,
  plan: RestorePlan,
): Run<Outcome<unknown>> {
  const steps = stepsOf(plan, 'verifyDisk');
  if (steps.length === 0) return { ok: true, value: {} };
  const { vmKey, pointId } = plan.origin;
  const diskKeys = steps.map((step) => step.diskKey);
  ctx.df.setCustomStatus({ runId, phase: 'verifying', pointId, diskKeys });
  const outcomes = yield* callChildren(
    ctx,
    orchestrations.verifyDisk,
    steps.map(({ diskKey, target }) => ({
      instanceId: instanceIds.verifyDisk(runId, diskKey),
      input: { runId, target, vmKey, pointId, diskKey, fromOffset: 0 },
    })),
  );
  const [missed] = outcomes.flatMap((outcome, index) => {
    const step = steps[index];
    return outcome.ok || step === undefined ? [] : [{ refusal: outcome, step }];
  });
  if (missed === undefined) return { ok: true, value: {} };
  const { refusal, step } = missed;
  if (refusal.errorCode === 'ReplicaDamaged') {
    const { target } = step;
    const reason = refusal.message;
    yield* call(ctx, activities.markDamaged, { vmKey, pointId, target, reason });
  }
  return refusal;
}

function* undo(
  ctx: OrchestrationContext,
  runId: string,
  plan: RestorePlan | undefined,
  refusal: Refusal,
): Run<Refusal> {
  ctx.df.setCustomStatus(failingStatus(runId, 'undoing', refusal));
  const origin = plan === undefined ? {} : { origin: plan.origin };
  const undone = yield* call(ctx, activities.undoRestore, { runId, ...origin });
  if (!undone.ok) throw leftOpen(refusal, undone);
  const { left } = undone.value;
  const note =
    left.length === 0
      ? ''
      : ` Not removed: ${left.map((one) => `${one.resourceId} (${one.reason})`).join('; ')}.`;
  const message = `${refusal.message}${note}`;
  yield* call(ctx, activities.endRun, {
    runId,
    state: 'failed',
    ...(plan === undefined ? {} : { pointId: plan.origin.pointId }),
    failure: { errorCode: refusal.errorCode, message },
  });
  return refused(refusal.errorCode, message, refusal.target);
}

registerFor(orchestrations.restoreVm.name, () => {
  df.app.orchestration(orchestrations.restoreVm.name, restoreVm);
});
