import type { EvidenceEvent, Verdict } from '../catalog/labels.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { ConsistencyPorts } from './consistency-ports.ts';
import { unfrozenLabel } from './judge-lockstep.ts';
import { type PointInput, readPreparingPoint } from './preparing-point.ts';
import type { TimedDiskSnapshot } from './snapshot-disk.ts';

export interface JudgeUncoordinatedSetInput extends PointInput {
  readonly attempt: string;
  readonly snapshots: readonly TimedDiskSnapshot[];
}

/**
 * The verdict on snapshots that were taken each by itself: `crash` for one disk, `uncoordinated` for
 * more. Refuses `SetIncomplete` when a disk of the point has no snapshot.
 */
export async function judgeUncoordinatedSet(
  ports: Pick<ConsistencyPorts, 'catalog'>,
  input: JudgeUncoordinatedSetInput,
): Promise<Outcome<{ readonly verdict: Verdict }>> {
  const row = await readPreparingPoint(ports.catalog, input);
  if (!row.ok) return row;
  const point = row.value.value;
  const missing = point.disks.find(
    (disk) => !input.snapshots.some((taken) => taken.diskKey === disk.diskKey),
  );
  if (missing !== undefined) {
    return refused('SetIncomplete', `The disk ${missing.name} has no snapshot.`, missing.diskId);
  }
  const achieved = unfrozenLabel(point.disks.length);
  const reason =
    achieved === 'crash'
      ? 'The VM has one disk, and its snapshot is of one moment; nothing in the VM was frozen.'
      : `The ${point.disks.length} disks were snapshotted at different moments; nothing in the VM was frozen.`;
  return done({
    verdict: {
      provider: point.requested.provider,
      requested: point.requested.label,
      achieved,
      reasons: [reason],
      evidence: evidenceOf(input.snapshots),
      slowestSnapshotMs: Math.max(
        ...input.snapshots.map(
          (taken) => Date.parse(taken.succeededAtUtc) - Date.parse(taken.requestedAtUtc),
        ),
      ),
    },
  });
}

/** Each disk was observed by a process of its own: the times put their events into one list. */
function evidenceOf(snapshots: readonly TimedDiskSnapshot[]): EvidenceEvent[] {
  return snapshots
    .flatMap(({ diskKey, requestedAtUtc, succeededAtUtc }) => [
      { what: 'snapshotRequested' as const, atUtc: requestedAtUtc, detail: { diskKey } },
      { what: 'snapshotSucceeded' as const, atUtc: succeededAtUtc, detail: { diskKey } },
    ])
    .sort((a, b) => Date.parse(a.atUtc) - Date.parse(b.atUtc))
    .map((event, index) => ({ order: index + 1, ...event }));
}
