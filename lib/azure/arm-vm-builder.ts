import type { VirtualMachine } from '@azure/arm-compute';
import type { DiskToAttach, NicToMake, VmBuilder, VmToMake } from '../ports/vm-builder.ts';
import { type ArmOperationsOptions, createArmOperations, findResource } from './arm-operations.ts';
import { resourceAddressOf } from './arm-resource-id.ts';
import type { AzureClients } from './azure-clients.ts';

const VM = 'Microsoft.Compute/virtualMachines';
const NIC = 'Microsoft.Network/networkInterfaces';
const NIC_API_VERSION = '2024-05-01';

/** NICs and VMs through Azure Resource Manager. */
export const createArmVmBuilder = (
  clients: Pick<AzureClients, 'compute' | 'resources' | 'armRequests'>,
  options: ArmOperationsOptions = {},
): VmBuilder => {
  const operations = createArmOperations(options);
  const { virtualMachines } = clients.compute;
  const { resources } = clients.resources;
  const nicName = (nicId: string): string => resourceAddressOf(nicId, NIC).name;
  return {
    findNic: (nicId) =>
      findResource(
        async () => {
          const nic = await resources.getById(nicId, NIC_API_VERSION);
          const properties = nic.properties as { provisioningState?: unknown } | undefined;
          return { ...nic, provisioningState: properties?.provisioningState };
        },
        nicId,
        `read the network interface ${nicName(nicId)}`,
      ),

    createNic: (nic) =>
      operations.make(
        (control) =>
          resources.createOrUpdateById(nic.nicId, NIC_API_VERSION, nicBody(nic), control),
        {
          action: `make the network interface ${nicName(nic.nicId)}`,
          target: nic.nicId,
          refusedCode: 'NicRefused',
        },
      ),

    replaceNicTags: (nicId, tags) =>
      operations.change(
        ({ abortSignal }) =>
          // Update Tags (REST: Network Interfaces): the tags that it gets are all there are.
          clients.armRequests.send('PATCH', `${nicId}?api-version=${NIC_API_VERSION}`, {
            body: { tags },
            signal: abortSignal,
          }),
        { action: `tag the network interface ${nicName(nicId)}`, target: nicId },
      ),

    removeNic: (nicId) =>
      operations.remove((control) => resources.deleteById(nicId, NIC_API_VERSION, control), {
        action: `delete the network interface ${nicName(nicId)}`,
        target: nicId,
      }),

    async findVm(vmId) {
      const { resourceGroup, name } = resourceAddressOf(vmId, VM);
      return findResource(
        () => virtualMachines.get(resourceGroup, name),
        vmId,
        `read the virtual machine ${name}`,
      );
    },

    async createVm(vm) {
      const { resourceGroup, name } = resourceAddressOf(vm.vmId, VM);
      return operations.make(
        (control) => virtualMachines.createOrUpdate(resourceGroup, name, vmBody(vm), control),
        { action: `make the virtual machine ${name}`, target: vm.vmId, refusedCode: 'VmRefused' },
      );
    },

    async replaceVmTags(vmId, tags) {
      const { resourceGroup, name } = resourceAddressOf(vmId, VM);
      await operations.change(
        (control) => virtualMachines.update(resourceGroup, name, { tags: { ...tags } }, control),
        { action: `tag the virtual machine ${name}`, target: vmId },
      );
    },

    async removeVm(vmId) {
      const { resourceGroup, name } = resourceAddressOf(vmId, VM);
      await operations.remove((control) => virtualMachines.delete(resourceGroup, name, control), {
        action: `delete the virtual machine ${name}`,
        target: vmId,
      });
    },
  };
};

const nicBody = (nic: NicToMake) => ({
  location: nic.region,
  tags: { ...nic.tags },
  properties: {
    enableAcceleratedNetworking: nic.acceleratedNetworking,
    enableIPForwarding: nic.ipForwarding,
    dnsSettings: { dnsServers: [...nic.dnsServers] },
    ...(nic.networkSecurityGroupId === undefined
      ? {}
      : { networkSecurityGroup: { id: nic.networkSecurityGroupId } }),
    ipConfigurations: nic.ipConfigurations.map((ip) => ({
      name: ip.name,
      properties: {
        primary: ip.primary,
        subnet: { id: ip.subnetId },
        privateIPAllocationMethod: ip.staticAddress === undefined ? 'Dynamic' : 'Static',
        ...(ip.staticAddress === undefined ? {} : { privateIPAddress: ip.staticAddress }),
      },
    })),
  },
});

const attached = (disk: DiskToAttach) => ({
  createOption: 'Attach' as const,
  managedDisk: { id: disk.diskId },
  caching: disk.caching,
  writeAcceleratorEnabled: disk.writeAcceleratorEnabled,
  ...(disk.deleteOption === undefined ? {} : { deleteOption: disk.deleteOption }),
});

/** Captured parts go back as ARM gave them; the SDK's model names their fields as ARM does. */
const asModel = <K extends keyof VirtualMachine>(body: unknown): NonNullable<VirtualMachine[K]> =>
  body as NonNullable<VirtualMachine[K]>;

const vmBody = (vm: VmToMake): VirtualMachine => {
  const osDisk = vm.disks.find((disk) => disk.lun < 0);
  const dataDisks = vm.disks.filter((disk) => disk.lun >= 0);
  return {
    // First: the fields below are decided here, whatever was captured.
    ...vm.moreProperties,
    location: vm.region,
    ...(vm.zones.length === 0 ? {} : { zones: [...vm.zones] }),
    hardwareProfile: { vmSize: vm.size },
    storageProfile: {
      ...(osDisk === undefined ? {} : { osDisk: { ...attached(osDisk), osType: vm.osType } }),
      dataDisks: dataDisks.map((disk) => ({ ...attached(disk), lun: disk.lun })),
    },
    networkProfile: {
      networkInterfaces: vm.nics.map((nic) => ({
        id: nic.nicId,
        primary: nic.primary,
        ...(nic.deleteOption === undefined ? {} : { deleteOption: nic.deleteOption }),
      })),
    },
    ...(vm.securityProfile === undefined
      ? {}
      : { securityProfile: asModel<'securityProfile'>(vm.securityProfile) }),
    ...(vm.licenseType === undefined ? {} : { licenseType: vm.licenseType }),
    ...(vm.plan === undefined ? {} : { plan: asModel<'plan'>(vm.plan) }),
    ...(vm.identity === undefined ? {} : { identity: asModel<'identity'>(vm.identity) }),
    ...(vm.diagnosticsProfile === undefined
      ? {}
      : { diagnosticsProfile: asModel<'diagnosticsProfile'>(vm.diagnosticsProfile) }),
    tags: { ...vm.tags },
  };
};
