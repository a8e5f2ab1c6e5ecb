import { createHash } from 'node:crypto';
import {
  diskKeyOf,
  pointIdOf,
  RUN_ID_PATTERN,
  vmKeyOf,
  vmKeyOfRun,
} from '../catalog/identifiers.ts';
import type { ConsistencyRequest } from '../catalog/labels.ts';
import { PRIMARY_COPY } from '../catalog/point-copy.ts';
import type { RestorePoint } from '../catalog/restore-point.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { ConsistencyPorts } from './consistency-ports.ts';
import { failPoint } from './fail-point.ts';
import { refuseVm } from './refuse-vm.ts';

export interface PreparePointInput {
  readonly runId: string;
  readonly vmId: string;
  readonly requested: ConsistencyRequest;
  readonly targets: readonly string[];
}

export interface PreparedPoint {
  readonly vmKey: string;
  readonly pointId: string;
  readonly disks: readonly {
    readonly diskKey: string;
    readonly lun: number;
    readonly diskId: string;
  }[];
}

/** No run holds a VM for longer; a run whose host died is not waited for beyond this. */
const LOCK_MS = 30 * 60_000;

/**
 * Reads the VM, refuses what cannot succeed, takes the VM's lock and writes the point's row with the
 * configuration as it is now. May be repeated: a run has one point, whose id follows from the run's.
 *
 * Refuses with `RunIdInvalid`, `VmNotFound`, `VmReplaced`, `VmLocked`, `PointNotPreparing`, what
 * `refuseVm` names, and `RunEnded`: an execution that outlives its run leaves neither lock nor point.
 */
export async function preparePoint(
  ports: ConsistencyPorts,
  input: PreparePointInput,
): Promise<Outcome<PreparedPoint>> {
  const prepared = await lockAndPrepare(ports, input);
  const { runId } = input;
  const run = vmKeyOfRun(runId) === undefined ? undefined : await ports.catalog.getRun(runId);
  if (run === undefined || run.state === 'running') return prepared;
  const ended = refused('RunEnded', `Run ${runId} has ended: nothing is prepared for it.`, runId);
  await failPoint(ports, { runId, errorCode: ended.errorCode, message: ended.message });
  return ended;
}

async function lockAndPrepare(
  ports: ConsistencyPorts,
  { runId, vmId, requested, targets }: PreparePointInput,
): Promise<Outcome<PreparedPoint>> {
  const vmKeyOfInput = vmKeyOfRun(runId);
  if (vmKeyOfInput === undefined) {
    return refused('RunIdInvalid', `'${runId}' is not the id of a run.`, 'runId');
  }
  const reading = await ports.vms.readVm(vmId);
  if (reading === undefined) {
    return refused(
      'VmNotFound',
      'There is no such VM, or the service may not read it. Check the resource id and the role assignments.',
      vmId,
    );
  }
  const { configuration } = reading;
  const vmKey = vmKeyOf(configuration.vmId, configuration.vmUniqueId);
  if (vmKey !== vmKeyOfInput) {
    return refused(
      'VmReplaced',
      `${configuration.name} was replaced by another VM of the same name after this run began. Start another run.`,
      vmId,
    );
  }
  const copies = await ports.catalog.listCopies({ vmKey, copy: PRIMARY_COPY });
  const kept = copies.filter((copy) => copy.state !== 'gone' && copy.state !== 'skipped');
  const refusal = refuseVm(reading, requested, kept.length);
  if (refusal !== undefined) return refusal;

  const now = ports.clock.now();
  const lock = await ports.catalog.takeLock(
    { vmKey, ownerRunId: runId, expiresAtUtc: new Date(now.getTime() + LOCK_MS).toISOString() },
    now.toISOString(),
  );
  if (lock.ownerRunId !== runId) {
    return refused(
      'VmLocked',
      `Run ${lock.ownerRunId} works on ${configuration.name} until ${lock.expiresAtUtc} at the latest. Try again when it has ended.`,
      vmId,
    );
  }
  await ports.catalog.putVm({
    vmKey,
    vmId: configuration.vmId,
    name: configuration.name,
    region: configuration.region,
    lastSeenUtc: now.toISOString(),
  });

  const pointId = pointIdOfRun(runId, now);
  const existing = await ports.catalog.getPoint(vmKey, pointId);
  if (existing !== undefined && existing.value.state !== 'preparing') {
    return refused('PointNotPreparing', `Point ${pointId} is ${existing.value.state}.`, pointId);
  }
  const point: RestorePoint = existing?.value ?? {
    formatVersion: 1,
    pointId,
    vmKey,
    vmId: configuration.vmId,
    vmName: configuration.name,
    region: configuration.region,
    deploymentId: ports.deploymentId,
    runId,
    state: 'preparing',
    requested,
    createdAtUtc: now.toISOString(),
    configuration,
    disks: configuration.disks.map((disk) => ({
      diskKey: diskKeyOf(disk.diskId),
      lun: disk.lun,
      diskId: disk.diskId,
      diskUniqueId: disk.diskUniqueId,
      name: disk.name,
      sizeBytes: disk.sizeBytes,
    })),
  };
  if (existing === undefined) await ports.catalog.createPoint(point);
  ports.events.emit('PointPrepared', {
    runId,
    pointId,
    vmKey,
    disks: point.disks.length,
    targets: targets.length,
  });
  return done({
    vmKey,
    pointId,
    disks: point.disks.map(({ diskKey, lun, diskId }) => ({ diskKey, lun, diskId })),
  });
}

/** The same id at every repetition of one run: the run's start, and a digest of its id. */
function pointIdOfRun(runId: string, now: Date): string {
  const digits = RUN_ID_PATTERN.test(runId) ? /-(\d{8}T\d{6})Z-/.exec(runId)?.[1] : undefined;
  const at =
    digits === undefined
      ? now
      : new Date(
          `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6, 8)}T${digits.slice(9, 11)}:${digits.slice(11, 13)}:${digits.slice(13, 15)}Z`,
        );
  const random = createHash('sha256').update(runId, 'utf8').digest('hex').slice(0, 8);
  return pointIdOf(Number.isNaN(at.getTime()) ? now : at, random);
}
