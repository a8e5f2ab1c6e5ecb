import { type ConsistencyLabel, meetsLabel, type Verdict } from '../catalog/labels.ts';
import { type CopyState, PRIMARY_COPY } from '../catalog/point-copy.ts';
import type { PointDisk, RestorePoint } from '../catalog/restore-point.ts';
import { BackupError } from '../errors.ts';
import { done, type Outcome, type Refusal, refused } from '../outcome.ts';
import type { DiskIdentity } from '../ports/vm-inventory.ts';
import type { ConsistencyPorts } from './consistency-ports.ts';
import { doomAll } from './end-attempt.ts';
import type { PointInput } from './preparing-point.ts';
import type { DiskSnapshotTaken } from './snapshot-in-lockstep.ts';

export interface RecordPointInput extends PointInput {
  readonly attempt: string;
  readonly snapshots: readonly DiskSnapshotTaken[];
  readonly verdict: Verdict;
  readonly targets: readonly string[];
}

/**
 * Makes the point visible: its copies first, then the point's own row, which settles it. Repeatable
 * at every step. Refuses `DisksChanged` when a disk came, went or was replaced meanwhile,
 * `AttemptEnded` when another execution doomed this set,
 * `LabelMissed` when the verdict is lower than what the request accepts, `SetIncomplete`, and
 * `PointNotPreparing` when the point was failed meanwhile.
 */
export async function recordPoint(
  ports: ConsistencyPorts,
  input: RecordPointInput,
): Promise<Outcome<{ readonly label: ConsistencyLabel }>> {
  const { catalog } = ports;
  const row = await catalog.getPoint(input.vmKey, input.pointId);
  if (row === undefined) {
    throw new BackupError('PointMissing', `The row of point ${input.pointId} is not to be found`);
  }
  const point = row.value;
  if (point.state === 'failed' || point.runId !== input.runId) {
    return refused('PointNotPreparing', `Point ${point.pointId} is ${point.state}.`, point.pointId);
  }
  if (point.state === 'preparing') {
    const disks = withSnapshots(point, input.snapshots);
    if (!disks.ok) return disks;
    const refusal =
      refuseLabel(point, input.verdict) ??
      (await refuseEndedAttempt(ports, input)) ??
      (await refuseDisks(ports, point));
    if (refusal !== undefined) return refusal;
    await createCopies(ports, input);
    const recorded: RestorePoint = {
      ...point,
      state: 'recorded',
      recordedAtUtc: ports.clock.now().toISOString(),
      verdict: input.verdict,
      disks: disks.value,
    };
    await catalog.updatePoint(recorded, row.etag);
    ports.events.emit('PointRecorded', {
      runId: point.runId,
      pointId: point.pointId,
      label: input.verdict.achieved,
    });
  }
  await settleMade(ports, input);
  await catalog.releaseLock(input.vmKey, input.runId);
  return done({ label: (point.verdict ?? input.verdict).achieved });
}

function withSnapshots(
  point: RestorePoint,
  snapshots: readonly DiskSnapshotTaken[],
): Outcome<readonly PointDisk[]> {
  const disks: PointDisk[] = [];
  for (const disk of point.disks) {
    const taken = snapshots.find((one) => one.diskKey === disk.diskKey);
    if (taken === undefined) {
      return refused('SetIncomplete', `The disk ${disk.name} has no snapshot.`, disk.diskId);
    }
    disks.push({ ...disk, snapshot: taken.snapshot });
  }
  return done(disks);
}

function refuseLabel({ requested, pointId }: RestorePoint, verdict: Verdict): Refusal | undefined {
  const lowest = requested.accept ?? requested.label;
  if (meetsLabel(verdict.achieved, requested.label) || meetsLabel(verdict.achieved, lowest)) {
    return undefined;
  }
  return refused(
    'LabelMissed',
    `Wanted ${requested.label}, achieved ${verdict.achieved}, and nothing below ${lowest} is accepted: ${verdict.reasons.join(' ')}`,
    pointId,
  );
}

/**
 * A set may come from an execution whose host was given up and lived on: the next execution has
 * doomed its snapshots, so they must not become a point.
 */
async function refuseEndedAttempt(
  { catalog }: ConsistencyPorts,
  input: RecordPointInput,
): Promise<Refusal | undefined> {
  const rows = await catalog.listMade(input.runId);
  const isOurs = ({ snapshot }: DiskSnapshotTaken): boolean =>
    rows.some(
      (row) =>
        row.kind === 'snapshot' &&
        row.state === 'made' &&
        row.resourceId.toLowerCase() === snapshot.snapshotId.toLowerCase(),
    );
  return input.snapshots.every(isOurs)
    ? undefined
    : refused(
        'AttemptEnded',
        `Attempt ${input.attempt} of point ${input.pointId} was ended by a later one; its snapshots are not used.`,
        input.pointId,
      );
}

/** A disk that came or went while the set was taken is missing from it, or is no longer the VM's. */
async function refuseDisks(
  ports: ConsistencyPorts,
  point: RestorePoint,
): Promise<Refusal | undefined> {
  const now = await ports.vms.readDisks(point.vmId);
  if (now === undefined) {
    return refused(
      'VmNotFound',
      `${point.vmName} was deleted while the point was made.`,
      point.vmId,
    );
  }
  const name = (disk: DiskIdentity): string =>
    `${disk.lun} ${disk.diskId} ${disk.diskUniqueId}`.toLowerCase();
  const before = new Set(point.disks.map(name));
  const after = new Set(now.map(name));
  const changed =
    [...before].some((one) => !after.has(one)) || [...after].some((one) => !before.has(one));
  return changed
    ? refused(
        'DisksChanged',
        `The disks of ${point.vmName} changed while the point was made. Start another run.`,
        point.vmId,
      )
    : undefined;
}

async function createCopies(ports: ConsistencyPorts, input: RecordPointInput): Promise<void> {
  const wanted: readonly (readonly [string, CopyState])[] = [
    [PRIMARY_COPY, 'sealed'],
    ...input.targets.map((target) => [target, 'pending'] as const),
  ];
  const { vmKey, pointId } = input;
  await Promise.all(
    wanted.map(async ([copy, state]) => {
      // An earlier execution may have written it, with another time in it.
      if ((await ports.catalog.getCopy(vmKey, pointId, copy)) !== undefined) return;
      const updatedAtUtc = ports.clock.now().toISOString();
      await ports.catalog.createCopy({
        formatVersion: 1,
        vmKey,
        pointId,
        copy,
        state,
        updatedAtUtc,
      });
    }),
  );
}

/** The point owns its snapshots from here on; everything else that the run made has served. */
async function settleMade(ports: ConsistencyPorts, input: RecordPointInput): Promise<void> {
  const kept = new Set(input.snapshots.map((taken) => taken.snapshot.snapshotId.toLowerCase()));
  const rows = await ports.catalog.listMade(input.runId);
  const isKept = (row: { kind: string; resourceId: string }): boolean =>
    row.kind === 'snapshot' && kept.has(row.resourceId.toLowerCase());
  await Promise.all(rows.filter(isKept).map((row) => ports.catalog.forgetMade(row)));
  const rest = rows.filter((row) => row.state === 'made' && !isKept(row));
  await doomAll(ports, rest, 'the point is recorded');
}
