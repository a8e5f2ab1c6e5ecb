import type { MadeResource } from '../catalog/run.ts';
import { abortSession } from './abort-session.ts';
import type { ConsistencyPorts } from './consistency-ports.ts';

/** Marks everything in `made` for deletion, as far as the catalog answers; then throws what it threw. */
export async function doomAll(
  ports: Pick<ConsistencyPorts, 'catalog' | 'clock'>,
  made: readonly Omit<MadeResource, 'state' | 'sinceUtc' | 'reason'>[],
  reason: string,
): Promise<void> {
  const sinceUtc = ports.clock.now().toISOString();
  const results = await Promise.allSettled(
    made.map(({ runId, kind, resourceId }) =>
      ports.catalog.doom({ runId, kind, resourceId, sinceUtc, reason }),
    ),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/**
 * Ends every earlier try of a run at its set: tells the guests to thaw and dooms all that was made.
 * Nothing of an earlier attempt is ever used: its snapshots are of another moment.
 */
export async function endEarlierAttempts(
  ports: Pick<ConsistencyPorts, 'catalog' | 'channel' | 'clock' | 'events'>,
  runId: string,
  reason: string,
): Promise<number> {
  const rows = (await ports.catalog.listMade(runId)).filter((row) => row.state === 'made');
  await abortSessionsOf(ports, rows, reason);
  await doomAll(ports, rows, reason);
  return rows.length;
}

/** Tells the guests of `rows` to end. A guest that cannot be told is left to its own deadline. */
export async function abortSessionsOf(
  ports: Pick<ConsistencyPorts, 'channel' | 'events'>,
  rows: readonly Pick<MadeResource, 'kind' | 'resourceId'>[],
  reason: string,
): Promise<void> {
  await Promise.all(
    rows
      .filter((row) => row.kind === 'guestSession')
      .map(async ({ resourceId }) => {
        try {
          await abortSession(ports.channel, sessionIdOf(resourceId), reason);
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error);
          ports.events.emit('GuestNotTold', { session: sessionIdOf(resourceId), reason, message });
        }
      }),
  );
}

const sessionIdOf = (resourceId: string): string =>
  resourceId.slice(resourceId.lastIndexOf('/') + 1);
