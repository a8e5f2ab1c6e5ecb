import type { ConsistencyRequest } from '../catalog/labels.ts';
import type { CapturedDisk } from '../catalog/vm-configuration.ts';
import { type Refusal, refused } from '../outcome.ts';
import type { AttachedDisk, VmReading } from '../ports/vm-inventory.ts';

const FREEZE_DEADLINE_MS = { min: 1_000, max: 30_000 } as const;

/** Snapshots that the platform keeps of one disk (Azure, "Restrictions of incremental snapshots"). */
const MAX_SNAPSHOTS_PER_DISK = 500;

/**
 * Why no point can be made of this VM as asked, or undefined. Everything that can be known before
 * anything is made is refused here.
 */
export function refuseVm(
  reading: VmReading,
  requested: ConsistencyRequest,
  primaryCopies: number,
): Refusal | undefined {
  const { configuration: vm } = reading;
  if (requested.provider === 'lockstep') {
    const refusal = refuseLockstep(reading, requested);
    if (refusal !== undefined) return refusal;
  }
  if (reading.attachedDisks.length === 0) {
    return refused('DiskNotSupported', `${vm.name} has no disks.`, vm.vmId);
  }
  for (const disk of reading.attachedDisks) {
    const captured = vm.disks.find((one) => one.lun === disk.lun);
    const why = whyNotSupported(disk, captured);
    if (why !== undefined) {
      return refused(
        'DiskNotSupported',
        `${disk.name} of ${vm.name} ${why}.`,
        disk.diskId ?? disk.name,
      );
    }
  }
  if (primaryCopies >= MAX_SNAPSHOTS_PER_DISK) {
    return refused(
      'TooManySnapshots',
      `${vm.name} has ${primaryCopies} points, and Azure keeps at most ${MAX_SNAPSHOTS_PER_DISK} snapshots of a disk. Let older points expire first.`,
      vm.vmId,
    );
  }
  return undefined;
}

function refuseLockstep(
  { configuration: vm, powerState, agentState, agentDetail }: VmReading,
  { freezeDeadlineMs }: ConsistencyRequest,
): Refusal | undefined {
  if (
    !Number.isInteger(freezeDeadlineMs) ||
    freezeDeadlineMs < FREEZE_DEADLINE_MS.min ||
    freezeDeadlineMs > FREEZE_DEADLINE_MS.max
  ) {
    return refused(
      'FreezeDeadlineInvalid',
      `freezeDeadlineMs must be a whole number from ${FREEZE_DEADLINE_MS.min} to ${FREEZE_DEADLINE_MS.max}.`,
      'freezeDeadlineMs',
    );
  }
  if (vm.osType !== 'Linux') {
    return refused(
      'OsNotSupported',
      `${vm.name} runs ${vm.osType}; only Linux can be frozen in lockstep. Ask for the provider 'crash'.`,
      vm.vmId,
    );
  }
  if (powerState !== 'running') {
    return refused(
      'VmNotRunning',
      `${vm.name} is ${powerState}, and a file system can be frozen only while its VM runs. Start the VM, or ask for the provider 'crash'.`,
      vm.vmId,
    );
  }
  if (agentState !== 'ready') {
    return refused(
      'VmAgentNotReady',
      `The agent of ${vm.name} is not ready (${agentDetail}), so no helper can be started in it. Repair the agent, or ask for the provider 'crash'.`,
      vm.vmId,
    );
  }
  return undefined;
}

function whyNotSupported(
  disk: AttachedDisk,
  captured: CapturedDisk | undefined,
): string | undefined {
  if (disk.ephemeral) return 'is an ephemeral disk: it has no content that could be kept';
  if (disk.diskId === undefined || captured === undefined) {
    return 'is not a managed disk: convert it to one';
  }
  if (disk.maxShares > 1) return 'is a shared disk: other VMs write to it, too';
  if (captured.sku.startsWith('UltraSSD') || captured.sku.startsWith('PremiumV2')) {
    return `is of type ${captured.sku}, whose snapshots are not complete when they are made`;
  }
  if (captured.logicalSectorSize !== undefined && captured.logicalSectorSize !== 512) {
    return `has sectors of ${captured.logicalSectorSize} bytes; only 512 is supported`;
  }
  return undefined;
}
