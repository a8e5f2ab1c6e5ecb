import type { MadeKind } from '../catalog/run.ts';
import { BackupError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { FoundResource } from '../ports/found-resource.ts';
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
 */
export const makeOnce = async (ports: RestorePorts, thing: ThingToMake): Promise<Outcome<void>> => {
  const startedMs = ports.clock.monotonicMs();
  for (;;) {
    const found = await thing.find();
    if (found === undefined || found.provisioningState === 'Failed') {
      if (found !== undefined && !isMadeBy(thing.runId, found)) break;
      await ports.catalog.noteMade({
        runId: thing.runId,
        kind: thing.kind,
        resourceId: thing.resourceId,
        state: 'made',
        sinceUtc: ports.clock.now().toISOString(),
      });
      return thing.make();
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
  return refused(
    thing.takenCode,
    `${thing.resourceId} exists and was not made by this run; it is never overwritten.`,
    thing.resourceId,
  );
};
