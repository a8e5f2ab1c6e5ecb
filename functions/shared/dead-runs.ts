import type { DurableClient, DurableOrchestrationStatus } from 'durable-functions';
import type { Run } from '../../lib/catalog/run.ts';
import {
  fieldsOf,
  hasEnded,
  outcomeOfInstance,
  runIdOfInstance,
  startInstance,
} from './instances.ts';
import { instanceIds, orchestrations } from './names.ts';
import { failureInStatus } from './open-run.ts';
import { endRun } from './runs.ts';
import type { InvocationServices } from './services.ts';

/**
 * An instance can fail without a word from its code: the platform fails it when the worker dies
 * during a turn. Its run is closed from outside then, by what the run's row says, not the instance.
 */

type DeadRunServices = Pick<InvocationServices, 'catalog' | 'clock' | 'events'>;

/**
 * Sees to the run of an instance that has ended. True while that run is still being closed, so that
 * nothing of it may be started again; false when it was closed before, or is closed by this call.
 */
export async function closeDeadRun(
  services: DeadRunServices,
  client: DurableClient,
  status: DurableOrchestrationStatus,
): Promise<boolean> {
  const runId = runIdOfInstance(status);
  if (runId === undefined || !hasEnded(status)) return false;
  const run = await services.catalog.getRun(runId);
  if (run === undefined || run.state !== 'running') return false;
  const outcome = outcomeOfInstance(status);
  if (outcome?.ok) {
    // Only the last write of the run failed.
    await endRun(services, { runId, state: 'succeeded', result: fieldsOf(outcome.value) });
    return false;
  }
  await startClosing(services, client, run, status);
  return true;
}

async function startClosing(
  { events }: DeadRunServices,
  client: DurableClient,
  { runId, kind }: Run,
  status: DurableOrchestrationStatus,
): Promise<void> {
  const { runtimeStatus, input: given } = status;
  const { target } = fieldsOf(given);
  const message = `The run's instance ended as ${runtimeStatus} before the run did; start it again`;
  const failure = failureInStatus(status) ?? { errorCode: 'InstanceLost', message };
  const instanceId = instanceIds.closeRun(runId);
  const input = { runId, kind, failure, ...(typeof target === 'string' ? { target } : {}) };
  const started = await startInstance(client, orchestrations.closeRun, instanceId, input);
  if (started) events.emit('DeadRunFound', { runId, kind, runtimeStatus });
}
