import type { MadeKind } from '../catalog/run.ts';
import { BackupError } from '../errors.ts';
import { done, type Outcome, type Refusal, refused } from '../outcome.ts';
import type { FoundResource } from '../ports/found-resource.ts';
import { refuseEndedRun } from './ended-run.ts';
import { removeMade } from './remove-made.ts';
import type { RestorePorts } from './restore-ports.ts';
import { isMadeBy } from './run-tags.ts';

export interface ThingToMake {
  readonly runId: string;
  readonly kind: MadeKind;
  readonly resourceId: string;
  /** Refusal when something of this name exists that this run did not make. */
  readonly takenCode: 'DiskNameTaken' | 'NicNameTaken' | 'NameTaken';
  find(): Promise<FoundResource | undefined>;
  make(): Promise<Outcome<void>>;
}

/**
 * Makes an ARM resource so that a repeated activity finds its own: it is noted before it is made, and
 * carries the run's tag. One that an earlier try began is waited for; one that failed is made again.
 * Refuses `RunEnded` when the run was closed meanwhile, and removes what it made then.
 */
export const makeOnce = async (ports: RestorePorts, thing: ThingToMake): Promise<Outcome<void>> => {
  const startedMs = ports.clock.monotonicMs();
  for (;;) {
    const found = await thing.find();
    if (found === undefined || found.provisioningState === 'Failed') {
      if (found !== undefined && !isMadeBy(thing.runId, found)) break;
      return makeNoted(ports, thing);
    }
    if (!isMadeBy(thing.runId, found)) break;
    if (found.provisioningState === 'Succeeded') return done(undefined);
    if (ports.clock.monotonicMs() - startedMs > ports.options.timeBudgetMs) {
      throw new BackupError(
        'StillInProgress',
        `${thing.resourceId} is still ${found.provisioningState}`,
        { target: thing.resourceId },
      );
    }
    await ports.clock.sleep(ports.options.pollIntervalMs);
  }
  return taken(thing);
};

const makeNoted = async (ports: RestorePorts, thing: ThingToMake): Promise<Outcome<void>> => {
  const ended = await refuseEndedRun(ports, thing.runId);
  if (ended !== undefined) return ended;
  await note(ports, thing);
  const made = await thing.make();
  // Noted again: who closed the run meanwhile found nothing yet, and forgot the row.
  await note(ports, thing);
  const endedSince = await refuseEndedRun(ports, thing.runId);
  if (endedSince !== undefined) {
    await removeMade(ports, { ...thing, state: 'made', sinceUtc: '' });
    await ports.catalog.forgetMade(thing);
    return endedSince;
  }
  if (!made.ok) return made;
  // A PUT of an existing name is accepted: of two runs that both saw it free, the later has its tags.
  const found = await thing.find();
  return found !== undefined && !isMadeBy(thing.runId, found) ? taken(thing) : made;
};

const note = (ports: RestorePorts, { runId, kind, resourceId }: ThingToMake): Promise<void> =>
  ports.catalog.noteMade({
    runId,
    kind,
    resourceId,
    state: 'made',
    sinceUtc: ports.clock.now().toISOString(),
  });

const taken = ({ takenCode, resourceId }: ThingToMake): Refusal =>
  refused(
    takenCode,
    `${resourceId} exists and was not made by this run; it is never overwritten.`,
    resourceId,
  );
