import { snapshotNameOf } from '../catalog/identifiers.ts';
import type { RestorePoint } from '../catalog/restore-point.ts';
import type { MadeResource } from '../catalog/run.ts';
import { TAGS } from '../catalog/storage-layout.ts';
import {
  type ConsistencyPorts,
  DEFAULT_TIMINGS,
  type LockstepTimings,
} from './consistency-ports.ts';
import { createEvidenceLog, type EvidenceLog } from './evidence-log.ts';
import { createGuestSession, type GuestSession } from './guest-session.ts';
import { randomHex } from './random-hex.ts';
import { snapshotTags } from './snapshot-facts.ts';
import type { DiskOrder } from './take-snapshot-set.ts';

/** One try at one set: its names exist nowhere else, so that attempts can never mix. */
export interface LockstepAttempt {
  readonly attempt: string;
  readonly point: RestorePoint;
  readonly session: GuestSession;
  readonly commandId: string;
  readonly orders: readonly DiskOrder[];
  readonly evidence: EvidenceLog;
  readonly timings: LockstepTimings;
  /** Everything that the attempt will make, for the catalog. */
  readonly made: readonly Pick<MadeResource, 'runId' | 'kind' | 'resourceId'>[];
}

/** Draws the names of a new attempt. Makes nothing yet. */
export function planAttempt(ports: ConsistencyPorts, point: RestorePoint): LockstepAttempt {
  const { runId, vmKey, pointId, vmId } = point;
  const attempt = randomHex(6);
  const sessionId = `s-${randomHex(32)}`;
  const commandId = ports.commands.idOf(vmId, sessionId);
  const orders = point.disks.map(
    ({ diskKey, diskId }): DiskOrder => ({
      diskKey,
      order: {
        name: snapshotNameOf(diskKey, pointId, attempt),
        diskId,
        region: point.region,
        tags: snapshotTags({
          deploymentId: ports.deploymentId,
          vmKey,
          pointId,
          diskKey,
          attempt,
          runId,
        }),
      },
    }),
  );
  return {
    attempt,
    point,
    session: createGuestSession(ports.channel, ports.clock, sessionId),
    commandId,
    orders,
    evidence: createEvidenceLog(ports.clock),
    timings: { ...DEFAULT_TIMINGS, ...ports.timings },
    made: [
      { runId, kind: 'guestSession', resourceId: ports.channel.idOf(sessionId) },
      { runId, kind: 'runCommand', resourceId: commandId },
      ...orders.map(({ order }) => ({
        runId,
        kind: 'snapshot' as const,
        resourceId: ports.snapshots.idOf(order.name),
      })),
    ],
  };
}

/** Tags of the run command. */
export const commandTags = (
  ports: ConsistencyPorts,
  { attempt, point }: LockstepAttempt,
): Readonly<Record<string, string>> => ({
  [TAGS.format]: '1',
  [TAGS.deployment]: ports.deploymentId,
  [TAGS.vm]: point.vmKey,
  [TAGS.point]: point.pointId,
  [TAGS.attempt]: attempt,
  [TAGS.run]: point.runId,
});

/** Writes rows for everything first: a crash then leaves a row, never a thing that nobody knows. */
export async function noteAttempt(ports: ConsistencyPorts, plan: LockstepAttempt): Promise<void> {
  const sinceUtc = ports.clock.now().toISOString();
  await Promise.all(
    plan.made.map((row) => ports.catalog.noteMade({ ...row, state: 'made', sinceUtc })),
  );
}
