import type { VmConfiguration } from '../catalog/vm-configuration.ts';
import type { RestoreOverrides } from './restore-request.ts';

/** Names that one thing may take, best first. */
export interface NameChoice {
  readonly ids: readonly string[];
  /** Set by the caller: nothing else will do. */
  readonly isAsked: boolean;
}

export interface RestoreNames {
  readonly vmName: string;
  readonly vmId: string;
  /** By the disk's index in the configuration. */
  readonly disks: readonly NameChoice[];
  /** By the NIC's index in the configuration. */
  readonly nics: readonly NameChoice[];
}

const namedLun = (lun: number): string => (lun < 0 ? 'os' : `data-${lun}`);

/**
 * The ids that a restore may give to what it makes. Everything keeps its name; under a new VM name,
 * what is taken is named after the new VM.
 */
export const restoreNames = (
  configuration: VmConfiguration,
  overrides: RestoreOverrides,
  resourceGroupId: string,
): RestoreNames => {
  const idOf = (type: string, name: string): string =>
    `${resourceGroupId}/providers/${type}/${name}`;
  const vmName = overrides.vmName ?? configuration.name;
  const isRenamed = vmName.toLowerCase() !== configuration.name.toLowerCase();
  return {
    vmName,
    vmId: idOf('Microsoft.Compute/virtualMachines', vmName),
    disks: configuration.disks.map((disk) => {
      // A disk may be called `constructor`, which every object has.
      const { diskNames = {} } = overrides;
      const asked = Object.hasOwn(diskNames, disk.name) ? diskNames[disk.name] : undefined;
      const names =
        asked !== undefined
          ? [asked]
          : isRenamed
            ? [disk.name, `${vmName}-${namedLun(disk.lun)}`]
            : [disk.name];
      return {
        ids: names.map((name) => idOf('Microsoft.Compute/disks', name)),
        isAsked: asked !== undefined,
      };
    }),
    nics: configuration.nics.map((nic, index) => ({
      ids: (isRenamed ? [nic.name, `${vmName}-nic-${index}`] : [nic.name]).map((name) =>
        idOf('Microsoft.Network/networkInterfaces', name),
      ),
      isAsked: false,
    })),
  };
};

/** Every id of `names`. */
export const idsOf = (names: RestoreNames): readonly string[] => [
  names.vmId,
  ...[...names.disks, ...names.nics].flatMap((choice) => choice.ids),
];

/** Letters, digits, `_`, `-`, at most 80 (Azure's naming rules for disks). */
export const DISK_NAME_PATTERN = /^[A-Za-z0-9_-]{1,80}$/;
/** Azure's naming rules for virtual machines: at most 64 for Linux. */
export const VM_NAME_PATTERN = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/;
export const nameOf = (id: string): string => id.slice(id.lastIndexOf('/') + 1);
