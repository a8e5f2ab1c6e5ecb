import { snapshotNameOf } from '../catalog/identifiers.ts';
import type { DiskSnapshot } from '../catalog/restore-point.ts';
import { BackupError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import { type ConsistencyPorts, DEFAULT_TIMINGS } from './consistency-ports.ts';
import { createEvidenceLog } from './evidence-log.ts';
import { type PointInput, readPreparingPoint } from './preparing-point.ts';
import { readTakenSnapshot, snapshotTags } from './snapshot-facts.ts';
import { takeSnapshotSet } from './take-snapshot-set.ts';

export interface SnapshotDiskInput extends PointInput {
  readonly attempt: string;
  readonly diskKey: string;
}

export interface TimedDiskSnapshot {
  readonly diskKey: string;
  readonly snapshot: DiskSnapshot;
  readonly requestedAtUtc: string;
  readonly succeededAtUtc: string;
}

/**
 * Takes the snapshot of one disk while nothing is frozen. Repeated, it finds the snapshot that the
 * earlier call of this attempt asked for: no other disk of the set shares its moment anyway.
 */
export async function snapshotDisk(
  ports: ConsistencyPorts,
  input: SnapshotDiskInput,
): Promise<Outcome<TimedDiskSnapshot>> {
  const { attempt, diskKey, pointId, vmKey, runId } = input;
  const row = await readPreparingPoint(ports.catalog, input);
  if (!row.ok) return row;
  const point = row.value.value;
  const disk = point.disks.find((one) => one.diskKey === diskKey);
  if (disk === undefined) {
    return refused('DiskNotInPoint', `Point ${pointId} has no disk ${diskKey}.`, 'diskKey');
  }
  const name = snapshotNameOf(diskKey, pointId, attempt);
  const snapshotId = ports.snapshots.idOf(name);
  const noted = await ports.catalog.listMade(runId);
  const mine = noted.find((one) => sameId(one.resourceId, snapshotId));
  if (mine?.state !== 'made') {
    return refused(
      'AttemptEnded',
      `Attempt ${attempt} of point ${pointId} was ended; its snapshots must not be used.`,
      pointId,
    );
  }
  const evidence = createEvidenceLog(ports.clock);
  const tags = snapshotTags({
    deploymentId: ports.deploymentId,
    vmKey,
    pointId,
    diskKey,
    attempt,
    runId,
  });
  const set = await takeSnapshotSet(
    ports,
    [{ diskKey, order: { name, diskId: disk.diskId, region: point.region, tags } }],
    evidence,
    {
      limitMs: ports.timings?.setLimitMs ?? DEFAULT_TIMINGS.setLimitMs,
      signal: new AbortController().signal,
      onFailure: async () => undefined,
    },
  );
  if (!set.ok) {
    if (set.refusal !== undefined) return set.refusal;
    throw set.error;
  }
  const snapshot = await readTakenSnapshot(ports.snapshots, snapshotId, disk, attempt);
  if (!snapshot.ok) return snapshot;
  const atOf = (what: 'snapshotRequested' | 'snapshotSucceeded'): string => {
    const event = evidence.events().find((one) => one.what === what);
    if (event === undefined) throw new BackupError('EvidenceMissing', `no ${what} was noted`);
    return event.atUtc;
  };
  return done({
    diskKey,
    snapshot: snapshot.value,
    requestedAtUtc: atOf('snapshotRequested'),
    succeededAtUtc: atOf('snapshotSucceeded'),
  });
}

const sameId = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();
