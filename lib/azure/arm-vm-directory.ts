import type { VirtualMachine } from '@azure/arm-compute';
import { BackupError, MalformedDataError } from '../errors.ts';
import type { ListedVm, VmDirectory } from '../ports/vm-directory.ts';
import { isNotFound, toBackupError } from './arm-errors.ts';
import type { AzureClients } from './azure-clients.ts';
import { findVmAddress } from './vm-resource-id.ts';

/** All VMs of the subscription: one ARM read for each page of a few hundred. */
export const createArmVmDirectory = (
  clients: Pick<AzureClients, 'compute' | 'subscriptionId'>,
): VmDirectory => ({
  async listVms() {
    try {
      const listed: ListedVm[] = [];
      for await (const vm of clients.compute.virtualMachines.listAll()) {
        // Without its unique id a VM cannot be told from a later one of the same name.
        if (vm.vmId !== undefined) listed.push(toListedVm(vm));
      }
      return listed;
    } catch (error) {
      throw toBackupError(error, 'list the virtual machines of the subscription');
    }
  },

  async findVm(vmId) {
    const address = findVmAddress(vmId);
    if (address === undefined) return undefined;
    const { subscriptionId, resourceGroup, name } = address;
    if (subscriptionId.toLowerCase() !== clients.subscriptionId.toLowerCase()) return undefined;
    try {
      return toListedVm(await clients.compute.virtualMachines.get(resourceGroup, name));
    } catch (error) {
      if (!(error instanceof BackupError) && isNotFound(error)) return undefined;
      throw toBackupError(error, `read the virtual machine ${name}`, vmId);
    }
  },
});

function toListedVm(vm: VirtualMachine): ListedVm {
  const { id, name, location, vmId } = vm;
  if (id === undefined || name === undefined || location === undefined || vmId === undefined) {
    throw new MalformedDataError('a virtual machine came without id, name, location or vmId');
  }
  return {
    vmId: id,
    vmUniqueId: vmId,
    name,
    region: location,
    osType: vm.storageProfile?.osDisk?.osType === 'Windows' ? 'Windows' : 'Linux',
  };
}
