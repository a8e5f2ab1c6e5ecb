import type { DurableClient } from 'durable-functions';
import { type PointCopy, PRIMARY_COPY } from '../../lib/catalog/point-copy.ts';
import { findInstance, outcomeOfInstance } from './instances.ts';
import { instanceIds } from './names.ts';

/** How the last try at copying a VM's points to a target ended, when it did not end well. */
export interface CopyFailure {
  readonly errorCode: string;
  readonly message: string;
  readonly atUtc: string;
}

/**
 * Why copies wait, by the name of their target: what the last instance said that was to copy them. A
 * target that cannot be reached leaves no trace in the catalog otherwise.
 */
export async function findCopyFailures(
  client: DurableClient,
  copies: readonly PointCopy[],
): Promise<ReadonlyMap<string, CopyFailure>> {
  const failures = new Map<string, CopyFailure>();
  const waiting = copies.filter(({ copy, state }) => copy !== PRIMARY_COPY && state === 'pending');
  for (const { vmKey, copy } of waiting) {
    const status = await findInstance(client, instanceIds.replicate(vmKey, copy));
    const outcome = status === undefined ? undefined : outcomeOfInstance(status);
    if (status === undefined || outcome === undefined || outcome.ok) continue;
    const { errorCode, message } = outcome;
    const atUtc = new Date(status.lastUpdatedTime).toISOString();
    failures.set(copy, { errorCode, message, atUtc });
  }
  return failures;
}
