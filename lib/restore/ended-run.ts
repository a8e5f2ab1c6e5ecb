import { type Refusal, refused } from '../outcome.ts';
import type { RestorePorts } from './restore-ports.ts';

/**
 * An activity may outlive its run: terminating an instance does not stop what is in flight, and the
 * run is closed, and undone, from outside. Refuses `RunEnded` then; undefined while the run goes on.
 * A run without a row was not started by the service, and nobody closes it.
 */
export const refuseEndedRun = async (
  ports: Pick<RestorePorts, 'catalog'>,
  runId: string,
): Promise<Refusal | undefined> => {
  const run = await ports.catalog.getRun(runId);
  if (run === undefined || run.state === 'running') return undefined;
  return refused('RunEnded', `Run ${runId} has ended: nothing more is made for it.`, runId);
};
