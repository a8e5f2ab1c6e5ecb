import { done, type Outcome } from '../outcome.ts';
import type { CopyInput, CopyPorts } from './copy-ports.ts';

export interface AbandonCopyInput extends CopyInput {
  /** Why, for people. */
  readonly reason: string;
}

/**
 * Gives a copy back that could not be finished: it is pending again, with the reason. What was
 * copied stays, invisible, and the next run goes on from there. May be repeated.
 */
export async function abandonCopy(
  { catalog, clock, events }: CopyPorts,
  { runId, vmKey, pointId, target, reason }: AbandonCopyInput,
): Promise<Outcome<{ readonly state: string }>> {
  const row = await catalog.getCopy(vmKey, pointId, target);
  if (row === undefined || row.value.state !== 'copying') {
    return done({ state: row?.value.state ?? 'unknown' });
  }
  const updatedAtUtc = clock.now().toISOString();
  await catalog.updateCopy({ ...row.value, state: 'pending', reason, updatedAtUtc }, row.etag);
  events.emit('CopyAbandoned', { runId, vmKey, pointId, target, reason });
  return done({ state: 'pending' });
}
