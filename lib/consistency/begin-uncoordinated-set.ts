import { snapshotNameOf } from '../catalog/identifiers.ts';
import { done, type Outcome } from '../outcome.ts';
import type { ConsistencyPorts } from './consistency-ports.ts';
import { endEarlierAttempts } from './end-attempt.ts';
import { claimPreparingPoint, type PointInput } from './preparing-point.ts';
import { randomHex } from './random-hex.ts';

/**
 * Draws the attempt number of a set whose disks are snapshotted each by itself, and writes a row for
 * every snapshot to come. Repeated, it dooms what went before and draws another number.
 */
export async function beginUncoordinatedSet(
  ports: ConsistencyPorts,
  input: PointInput,
): Promise<Outcome<{ readonly attempt: string }>> {
  const row = await claimPreparingPoint(ports.catalog, input);
  if (!row.ok) return row;
  await endEarlierAttempts(ports, input.runId, 'another attempt at the set began');
  const attempt = randomHex(6);
  const sinceUtc = ports.clock.now().toISOString();
  await Promise.all(
    row.value.value.disks.map(({ diskKey }) =>
      ports.catalog.noteMade({
        runId: input.runId,
        kind: 'snapshot',
        resourceId: ports.snapshots.idOf(snapshotNameOf(diskKey, input.pointId, attempt)),
        state: 'made',
        sinceUtc,
      }),
    ),
  );
  return done({ attempt });
}
