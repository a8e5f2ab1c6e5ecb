import type { VmInventory, VmReading } from '../../lib/ports/vm-inventory.ts';
import { createPortFaults, type PortFaults } from './port-faults.ts';
import { sampleConfiguration } from './sample-point.ts';

export const sampleReading = (overrides: Partial<VmReading> = {}): VmReading => {
  const configuration = overrides.configuration ?? sampleConfiguration();
  return {
    configuration,
    attachedDisks: configuration.disks.map(({ lun, name, diskId }) => ({
      lun,
      name,
      diskId,
      ephemeral: false,
      maxShares: 1,
    })),
    powerState: 'running',
    agentState: 'ready',
    agentDetail: 'Ready',
    ...overrides,
  };
};

export interface MemoryVmInventory extends VmInventory {
  /** Replaces, or with undefined deletes, a VM. */
  put(vmId: string, reading: VmReading | undefined): void;
}

export function createMemoryVmInventory(
  readings: readonly VmReading[],
  faults: PortFaults = createPortFaults(),
): MemoryVmInventory {
  const vms = new Map(readings.map((one) => [one.configuration.vmId.toLowerCase(), one]));
  return {
    readVm: (vmId) => faults.run('vms.readVm', () => vms.get(vmId.toLowerCase())),
    readDisks: (vmId) =>
      faults.run('vms.readDisks', () =>
        vms.get(vmId.toLowerCase())?.configuration.disks.map(({ lun, diskId, diskUniqueId }) => ({
          lun,
          diskId,
          diskUniqueId,
        })),
      ),
    put(vmId, reading) {
      if (reading === undefined) vms.delete(vmId.toLowerCase());
      else vms.set(vmId.toLowerCase(), reading);
    },
  };
}
