import type { OrchestrationContext, Task } from 'durable-functions';
import * as df from 'durable-functions';
import type { Outcome } from '../../lib/outcome.ts';
import { call } from '../shared/durable.ts';
import { activities, orchestrations } from '../shared/names.ts';
import { registerFor } from '../shared/register.ts';
import type { VerifiedDisk, VerifyDiskInput } from '../shared/wire.ts';

const SLICES_PER_ROUND = 100;

/** Reads one sealed disk of a replica from `fromOffset` on and compares it with its manifest. */
export function* verifyDisk(
  ctx: OrchestrationContext,
): Generator<Task, Outcome<VerifiedDisk>, unknown> {
  const input = ctx.df.getInput<VerifyDiskInput>();
  const { diskKey } = input;
  let { fromOffset } = input;
  for (let slices = 0; slices < SLICES_PER_ROUND; slices += 1) {
    ctx.df.setCustomStatus({ diskKey, offset: fromOffset });
    const slice = yield* call(ctx, activities.verifyReplicaDisk, { ...input, fromOffset });
    if (!slice.ok) return slice;
    if (slice.value.nextOffset === null) return { ok: true, value: { diskKey } };
    fromOffset = slice.value.nextOffset;
  }
  ctx.df.continueAsNew({ ...input, fromOffset });
  return { ok: true, value: { diskKey } };
}

registerFor(orchestrations.verifyDisk.name, () => {
  df.app.orchestration(orchestrations.verifyDisk.name, verifyDisk);
});
