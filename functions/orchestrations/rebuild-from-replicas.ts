import type { OrchestrationContext, Task } from 'durable-functions';
import * as df from 'durable-functions';
import type { Outcome, Refusal } from '../../lib/outcome.ts';
import { callAll } from '../shared/durable.ts';
import { activities, orchestrations } from '../shared/names.ts';
import { registerFor } from '../shared/register.ts';
import type { RebuildInput, RebuiltTargets } from '../shared/wire.ts';

/** Fills the catalog from the manifests of every target. A target that cannot be read fails it. */
export function* rebuildFromReplicas(
  ctx: OrchestrationContext,
): Generator<Task, Outcome<RebuiltTargets>, unknown> {
  const { targets } = ctx.df.getInput<RebuildInput>();
  const rebuilt = yield* callAll(
    ctx,
    activities.rebuildCatalog,
    targets.map((target) => ({ target })),
  );
  const missed = rebuilt.find((outcome): outcome is Refusal => !outcome.ok);
  if (missed) return missed;
  const values = rebuilt.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  return {
    ok: true,
    value: {
      points: values.reduce((sum, one) => sum + one.points, 0),
      added: values.reduce((sum, one) => sum + one.added, 0),
      notListed: values.flatMap((one) => one.notListed),
    },
  };
}

registerFor(orchestrations.rebuildFromReplicas.name, () => {
  df.app.orchestration(orchestrations.rebuildFromReplicas.name, rebuildFromReplicas);
});
