import type { Disk, VirtualMachine } from '@azure/arm-compute';
import type {
  ArmBody,
  CapturedDisk,
  CapturedIpConfiguration,
  CapturedNic,
  VmConfiguration,
} from '../catalog/vm-configuration.ts';
import { MalformedDataError } from '../errors.ts';
import type { AttachedDisk } from '../ports/vm-inventory.ts';
import { vmAddressOf } from './vm-resource-id.ts';

/** One disk as the VM's storage profile has it. */
export interface DiskSlot {
  /** -1 for the OS disk. */
  readonly lun: number;
  readonly name: string;
  readonly diskId?: string;
  readonly ephemeral: boolean;
  readonly caching: CapturedDisk['caching'];
  readonly writeAcceleratorEnabled: boolean;
  readonly deleteOption?: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** `fields` without those that are undefined. */
const defined = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } => {
  const kept = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as { [K in keyof T]?: Exclude<T[K], undefined> };
};

const objectAt = (value: unknown, ...path: readonly string[]): Fields | undefined => {
  let at: unknown = value;
  for (const name of path) at = (at as Fields | undefined)?.[name];
  return typeof at === 'object' && at !== null && !Array.isArray(at) ? (at as Fields) : undefined;
};
const textAt = (value: Fields | undefined, name: string): string | undefined => {
  const text = value?.[name];
  return typeof text === 'string' && text !== '' ? text : undefined;
};
const listAt = (value: Fields | undefined, name: string): readonly unknown[] => {
  const list = value?.[name];
  return Array.isArray(list) ? list : [];
};
const tagsAt = (value: Fields): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(objectAt(value, 'tags') ?? {}).map(([name, text]) => [name, String(text)]),
  );
const required = <T>(value: T | undefined, what: string): T => {
  if (value !== undefined) return value;
  throw new MalformedDataError(`ARM answered without ${what}`, { target: what });
};

/** OS disk first, then by LUN. */
export function diskSlotsOf(vm: VirtualMachine): readonly DiskSlot[] {
  const { osDisk, dataDisks } = vm.storageProfile ?? {};
  const slotOf = (
    disk: NonNullable<typeof osDisk> | NonNullable<typeof dataDisks>[number],
    lun: number,
    ephemeral: boolean,
  ): DiskSlot => ({
    lun,
    name: disk.name ?? `LUN ${lun}`,
    ephemeral,
    caching: disk.caching ?? 'None',
    writeAcceleratorEnabled: disk.writeAcceleratorEnabled === true,
    ...defined({ diskId: disk.managedDisk?.id, deleteOption: disk.deleteOption }),
  });
  const data = (dataDisks ?? [])
    .filter((disk) => disk.toBeDetached !== true)
    .map((disk) => slotOf(disk, disk.lun, false))
    .sort((a, b) => a.lun - b.lun);
  if (osDisk === undefined) return data;
  return [slotOf(osDisk, -1, osDisk.diffDiskSettings?.option === 'Local'), ...data];
}

export const attachedDisksOf = (
  slots: readonly DiskSlot[],
  disks: readonly Disk[],
): readonly AttachedDisk[] =>
  slots.map(({ lun, name, ephemeral, diskId }) => ({
    lun,
    name,
    ephemeral,
    maxShares:
      disks.find((disk) => disk.id?.toLowerCase() === diskId?.toLowerCase())?.maxShares ?? 1,
    ...defined({ diskId }),
  }));

export function capturedDiskOf(slot: DiskSlot, disk: Disk): CapturedDisk {
  const sizeBytes =
    disk.diskSizeBytes ?? (disk.diskSizeGB === undefined ? undefined : disk.diskSizeGB * 2 ** 30);
  return {
    diskId: required(disk.id ?? slot.diskId, 'the id of a disk'),
    diskUniqueId: required(disk.uniqueId, 'the unique id of a disk'),
    name: disk.name ?? slot.name,
    lun: slot.lun,
    sizeBytes: required(sizeBytes, 'the size of a disk'),
    sku: required(disk.sku?.name, 'the type of a disk'),
    caching: slot.caching,
    writeAcceleratorEnabled: slot.writeAcceleratorEnabled,
    zones: disk.zones ?? [],
    tags: disk.tags ?? {},
    ...defined({
      deleteOption: slot.deleteOption,
      osType: disk.osType,
      hyperVGeneration: disk.hyperVGeneration,
      logicalSectorSize: disk.creationData?.logicalSectorSize,
      diskEncryptionSetId: disk.encryption?.diskEncryptionSetId,
      securityProfile: disk.securityProfile as ArmBody | undefined,
      purchasePlan: disk.purchasePlan as ArmBody | undefined,
      supportedCapabilities: disk.supportedCapabilities as ArmBody | undefined,
    }),
  };
}

/** A NIC from its ARM body: the service has no typed network client. */
export function capturedNicOf(
  nicId: string,
  body: ArmBody,
  primary: boolean,
  deleteOption: string | undefined,
): CapturedNic {
  const properties = objectAt(body, 'properties') ?? {};
  return {
    nicId: textAt(body, 'id') ?? nicId,
    name: required(textAt(body, 'name'), 'the name of a network interface'),
    primary,
    acceleratedNetworking: properties['enableAcceleratedNetworking'] === true,
    ipForwarding: properties['enableIPForwarding'] === true,
    dnsServers: listAt(objectAt(properties, 'dnsSettings'), 'dnsServers').map(String),
    ipConfigurations: listAt(properties, 'ipConfigurations').map(ipConfigurationOf),
    tags: tagsAt(body),
    ...defined({
      deleteOption,
      networkSecurityGroupId: textAt(objectAt(properties, 'networkSecurityGroup'), 'id'),
    }),
  };
}

function ipConfigurationOf(value: unknown, index: number): CapturedIpConfiguration {
  const configuration = objectAt(value) ?? {};
  const properties = objectAt(configuration, 'properties') ?? {};
  return {
    name: textAt(configuration, 'name') ?? `ipconfig${index + 1}`,
    primary: properties['primary'] === true,
    subnetId: required(textAt(objectAt(properties, 'subnet'), 'id'), 'the subnet of an address'),
    privateIpAllocation:
      properties['privateIPAllocationMethod'] === 'Static' ? 'Static' : 'Dynamic',
    ...defined({
      privateIpAddress: textAt(properties, 'privateIPAddress'),
      publicIpId: textAt(objectAt(properties, 'publicIPAddress'), 'id'),
    }),
  };
}

export function vmConfigurationOf(
  vm: VirtualMachine,
  body: ArmBody,
  disks: VmConfiguration['disks'],
  nics: VmConfiguration['nics'],
  raw: VmConfiguration['raw'],
): VmConfiguration {
  const vmId = required(vm.id, 'the id of a virtual machine');
  const properties = objectAt(body, 'properties') ?? {};
  return {
    vmId,
    vmUniqueId: required(vm.vmId, 'the unique id of a virtual machine'),
    name: required(vm.name, 'the name of a virtual machine'),
    resourceGroup: vmAddressOf(vmId).resourceGroup,
    region: required(vm.location, 'the region of a virtual machine'),
    size: required(vm.hardwareProfile?.vmSize, 'the size of a virtual machine'),
    zones: vm.zones ?? [],
    tags: vm.tags ?? {},
    osType: vm.storageProfile?.osDisk?.osType === 'Windows' ? 'Windows' : 'Linux',
    extensions: listAt(body, 'resources').flatMap((one) => {
      const extension = objectAt(one);
      return extension === undefined ? [] : [extension];
    }),
    disks,
    nics,
    raw,
    ...defined({
      securityProfile: objectAt(properties, 'securityProfile'),
      licenseType: textAt(properties, 'licenseType'),
      plan: objectAt(body, 'plan'),
      identity: objectAt(body, 'identity'),
      imageReference: objectAt(properties, 'storageProfile', 'imageReference'),
      diagnosticsProfile: objectAt(properties, 'diagnosticsProfile'),
    }),
  };
}
