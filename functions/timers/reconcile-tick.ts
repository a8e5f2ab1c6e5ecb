import { OrchestrationRuntimeStatus } from 'durable-functions';
import { closeDeadRun } from '../shared/dead-runs.ts';
import { findInstance } from '../shared/instances.ts';
import { orchestrations } from '../shared/names.ts';
import { registerTimer, type Tick } from '../shared/timer.ts';

/** A dead instance is found within minutes; the rest of the day is for an app that was down. */
const LOOK_BACK_MS = 24 * 60 * 60 * 1000;
const RUNS_WITH_ROW: readonly string[] = [
  orchestrations.protectVm.name,
  orchestrations.replicateVm.name,
  orchestrations.restoreVm.name,
];

/** Closes the runs whose instances died: they have the last word on nothing. */
export const reconcileTick: Tick = async (services, client) => {
  const { clock, events } = services;
  const dead = await client.getStatusBy({
    createdTimeFrom: new Date(clock.now().getTime() - LOOK_BACK_MS),
    runtimeStatus: [OrchestrationRuntimeStatus.Failed, OrchestrationRuntimeStatus.Terminated],
  });
  let closing = 0;
  for (const { instanceId, name } of dead) {
    if (!RUNS_WITH_ROW.includes(name)) continue;
    // A listing holds no inputs.
    const status = await findInstance(client, instanceId);
    if (status !== undefined && (await closeDeadRun(services, client, status))) closing += 1;
  }
  if (closing === 0) events.emit('NothingToReconcile', { looked: dead.length });
};

registerTimer('reconcileTick', '20 * * * * *', reconcileTick);
