import type { Disk, VirtualMachine } from '@azure/arm-compute';
import type { PipelineResponse } from '@azure/core-rest-pipeline';
import type { ArmBody, CapturedNic } from '../catalog/vm-configuration.ts';
import { BackupError, MalformedDataError } from '../errors.ts';
import type { DiskIdentity, VmInventory, VmReading } from '../ports/vm-inventory.ts';
import { isNotFound, toBackupError } from './arm-errors.ts';
import type { AzureClients } from './azure-clients.ts';
import {
  attachedDisksOf,
  capturedDiskOf,
  capturedNicOf,
  type DiskSlot,
  diskSlotsOf,
  vmConfigurationOf,
} from './captured-vm.ts';
import { findVmAddress } from './vm-resource-id.ts';

const NIC_API_VERSION = '2024-05-01';
const DISK_ID =
  /^\/?subscriptions\/[^/]+\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/disks\/([^/]+)$/i;

type Clients = Pick<AzureClients, 'compute' | 'resources' | 'subscriptionId'>;

/** VMs, their disks and NICs through Azure Resource Manager. */
export function createArmVmInventory(clients: Clients): VmInventory {
  return {
    async readVm(vmId) {
      const read = await readVmWithBody(clients, vmId);
      if (read === undefined) return undefined;
      const { vm, body } = read;
      const slots = diskSlotsOf(vm);
      const [disks, nics] = await Promise.all([readDisksOf(clients, slots), readNics(clients, vm)]);
      return {
        configuration: vmConfigurationOf(
          vm,
          body,
          disks.map(({ slot, disk }) => capturedDiskOf(slot, disk)),
          nics.map(({ nic }) => nic),
          { vm: body, disks: disks.map((one) => one.body), nics: nics.map((one) => one.body) },
        ),
        attachedDisks: attachedDisksOf(
          slots,
          disks.map(({ disk }) => disk),
        ),
        ...stateOf(vm),
      };
    },

    async readDisks(vmId) {
      const read = await readVmWithBody(clients, vmId);
      if (read === undefined) return undefined;
      const disks = await readDisksOf(clients, diskSlotsOf(read.vm));
      return disks.map(({ slot, disk }): DiskIdentity => {
        const { diskId, diskUniqueId } = capturedDiskOf(slot, disk);
        return { lun: slot.lun, diskId, diskUniqueId };
      });
    },
  };
}

async function readVmWithBody(
  clients: Clients,
  vmId: string,
): Promise<{ readonly vm: VirtualMachine; readonly body: ArmBody } | undefined> {
  const address = findVmAddress(vmId);
  // Snapshots must lie in the disk's own subscription, so a foreign VM is none of ours.
  if (address?.subscriptionId.toLowerCase() !== clients.subscriptionId.toLowerCase()) {
    return undefined;
  }
  const { resourceGroup, name } = address;
  try {
    const { value, body } = await withBody((onResponse) =>
      clients.compute.virtualMachines.get(resourceGroup, name, {
        expand: 'instanceView',
        onResponse,
      }),
    );
    return { vm: value, body };
  } catch (error) {
    if (!(error instanceof BackupError) && isNotFound(error)) return undefined;
    throw toBackupError(error, `read the virtual machine ${name}`, vmId);
  }
}

/** The managed disks among `slots`, in their order. */
async function readDisksOf(
  clients: Clients,
  slots: readonly DiskSlot[],
): Promise<readonly { readonly slot: DiskSlot; readonly disk: Disk; readonly body: ArmBody }[]> {
  const managed = slots.filter((slot) => slot.diskId !== undefined);
  return await Promise.all(
    managed.map(async (slot) => {
      const [, group, name] = DISK_ID.exec(slot.diskId ?? '') ?? [];
      if (group === undefined || name === undefined) {
        throw new MalformedDataError(`'${slot.diskId}' is not the id of a managed disk`);
      }
      try {
        const { value, body } = await withBody((onResponse) =>
          clients.compute.disks.get(group, name, { onResponse }),
        );
        return { slot, disk: value, body };
      } catch (error) {
        throw toBackupError(error, `read the disk ${name}`, slot.diskId);
      }
    }),
  );
}

async function readNics(
  clients: Clients,
  vm: VirtualMachine,
): Promise<readonly { readonly nic: CapturedNic; readonly body: ArmBody }[]> {
  const references = vm.networkProfile?.networkInterfaces ?? [];
  const read = await Promise.all(
    references.map(async (reference) => {
      const nicId = reference.id ?? '';
      try {
        const { body } = await withBody((onResponse) =>
          clients.resources.resources.getById(nicId, NIC_API_VERSION, { onResponse }),
        );
        const isPrimary = reference.primary ?? references.length === 1;
        return { nic: capturedNicOf(nicId, body, isPrimary, reference.deleteOption), body };
      } catch (error) {
        throw toBackupError(error, 'read a network interface', nicId);
      }
    }),
  );
  return read.sort((a, b) => Number(b.nic.primary) - Number(a.nic.primary));
}

/** The SDK's model cuts what it does not know; the body keeps it. */
async function withBody<T>(
  call: (onResponse: (response: PipelineResponse) => void) => Promise<T>,
): Promise<{ readonly value: T; readonly body: ArmBody }> {
  let text = '';
  const value = await call((response) => {
    text = response.bodyAsText ?? '';
  });
  const body: unknown = JSON.parse(text === '' ? 'null' : text);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new MalformedDataError('ARM answered without a JSON object');
  }
  return { value, body: body as ArmBody };
}

function stateOf(vm: VirtualMachine): Pick<VmReading, 'powerState' | 'agentState' | 'agentDetail'> {
  const view = vm.instanceView;
  const power = view?.statuses?.find((status) => status.code?.startsWith('PowerState/'));
  const agent = view?.vmAgent?.statuses ?? [];
  const isReady = agent.some((status) => status.displayStatus === 'Ready');
  const words = agent
    .map((status) => status.message ?? status.displayStatus)
    .filter((text) => text !== undefined && text !== '')
    .join(' ');
  return {
    powerState: power?.code?.slice('PowerState/'.length) ?? 'unknown',
    agentState: isReady ? 'ready' : 'notReady',
    agentDetail: words === '' ? 'the platform has not heard of it' : words.slice(0, 300),
  };
}
