import type { OrchestrationContext, Task } from 'durable-functions';
import * as df from 'durable-functions';
import type { Outcome } from '../../lib/outcome.ts';
import { call } from '../shared/durable.ts';
import { activities, orchestrations } from '../shared/names.ts';
import { registerFor } from '../shared/register.ts';
import type { ClosedRun, CloseRunInput } from '../shared/wire.ts';

/**
 * Closes a run whose instance died without closing it: what it made is removed or given to `expire`,
 * and its row says that it failed. May be repeated. Left running when cleaning up fails: the next
 * look at dead runs begins again.
 */
export function* closeRun(ctx: OrchestrationContext): Generator<Task, Outcome<ClosedRun>, unknown> {
  const input = ctx.df.getInput<CloseRunInput>();
  const { runId, failure } = input;
  const cleaned = yield* cleanUp(ctx, input);
  if (!cleaned.ok) return cleaned;
  const ended = yield* call(ctx, activities.endRun, { runId, state: 'failed', failure });
  if (!ended.ok) return ended;
  // An activity of the run may have been in flight all the time: what it made before it could see
  // that the run has ended is found now.
  const cleanedAgain = yield* cleanUp(ctx, input);
  return cleanedAgain.ok ? { ok: true, value: { runId } } : cleanedAgain;
}

function* cleanUp(
  ctx: OrchestrationContext,
  { runId, kind, target, failure }: CloseRunInput,
): Generator<Task, Outcome<unknown>, unknown> {
  switch (kind) {
    case 'protect':
      return yield* call(ctx, activities.failPoint, { runId, ...failure });
    case 'replicate':
      // The copy itself is taken up by the next instance of its VM and target.
      if (target === undefined) return { ok: true, value: {} };
      return yield* call(ctx, activities.releaseGrants, { runId, target });
    case 'restore':
      return yield* call(ctx, activities.undoRestore, { runId });
    case 'expire':
      return { ok: true, value: {} };
  }
}

registerFor(orchestrations.closeRun.name, () => {
  df.app.orchestration(orchestrations.closeRun.name, closeRun);
});
