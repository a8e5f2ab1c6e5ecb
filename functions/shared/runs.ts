import type { RunKind } from '../../lib/catalog/identifiers.ts';
import { runIdOf } from '../../lib/catalog/identifiers.ts';
import type { Run } from '../../lib/catalog/run.ts';
import { done, type Outcome } from '../../lib/outcome.ts';
import type { InvocationServices } from './services.ts';
import type { EndRunInput } from './wire.ts';

/** The rows of runs: written when a run is started, and again when it has ended. */

type RunServices = Pick<InvocationServices, 'catalog' | 'clock'>;

/** A new run's id: it names the VM, the time and nothing that can be guessed. */
export const newRunId = (
  services: Pick<InvocationServices, 'clock' | 'randomHex'>,
  kind: RunKind,
  vmKey: string,
): string => runIdOf(kind, vmKey, services.clock.now(), services.randomHex(6));

export type NewRun = Pick<Run, 'runId' | 'kind' | 'vmKey' | 'instanceId'> & {
  readonly pointId?: string;
};

/** Writes the row before the instance is started, so that no instance works without one. */
export async function noteRunStarted({ catalog, clock }: RunServices, run: NewRun): Promise<void> {
  await catalog.putRun({
    formatVersion: 1,
    ...run,
    state: 'running',
    startedAtUtc: clock.now().toISOString(),
  });
}

/** Closes a run's row. May be repeated: the first end stays. */
export async function endRun(
  { catalog, clock }: RunServices,
  { runId, ...end }: EndRunInput,
): Promise<Outcome<{ readonly state: Run['state'] }>> {
  const run = await catalog.getRun(runId);
  // An instance without a row was not started by us; its history tells how it ended.
  if (run === undefined) return done({ state: end.state });
  if (run.state !== 'running') return done({ state: run.state });
  await catalog.putRun({ ...run, ...end, endedAtUtc: clock.now().toISOString() });
  return done({ state: end.state });
}
