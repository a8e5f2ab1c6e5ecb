import type { DurableClient } from 'durable-functions';
import { startInstance } from './instances.ts';
import { endRun, type NewRun, noteRunStarted } from './runs.ts';
import type { InvocationServices } from './services.ts';

/**
 * Writes the run's row and starts its instance. False when an instance of that id is at work for
 * another run; the row says so then, as it says when the start failed and throws.
 */
export async function startRun(
  services: Pick<InvocationServices, 'catalog' | 'clock'>,
  client: DurableClient,
  run: NewRun,
  orchestration: { readonly name: string },
  input: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const { runId, instanceId } = run;
  await noteRunStarted(services, run);
  const end = (errorCode: string, message: string) =>
    endRun(services, { runId, state: 'failed', failure: { errorCode, message } });
  try {
    if (await startInstance(client, orchestration, instanceId, input)) return true;
  } catch (error) {
    await end('InstanceLost', 'The run could not be started; start it again');
    throw error;
  }
  await end('RunInProgress', 'Another run was started at the same moment');
  return false;
}
