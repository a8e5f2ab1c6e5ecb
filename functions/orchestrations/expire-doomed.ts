import type { OrchestrationContext, Task } from 'durable-functions';
import * as df from 'durable-functions';
import type { Outcome } from '../../lib/outcome.ts';
import { call } from '../shared/durable.ts';
import { activities, orchestrations } from '../shared/names.ts';
import { registerFor } from '../shared/register.ts';
import type { RemovedDoomed } from '../shared/wire.ts';

/** Deletes what failed or undone runs left behind. What cannot be deleted stays for the next time. */
export function* expireDoomed(
  ctx: OrchestrationContext,
): Generator<Task, Outcome<RemovedDoomed>, unknown> {
  return yield* call(ctx, activities.removeDoomed, {});
}

registerFor(orchestrations.expireDoomed.name, () => {
  df.app.orchestration(orchestrations.expireDoomed.name, expireDoomed);
});
