import { isOpen } from './access-grants.ts';
import {
  ArmError,
  invalidParameter,
  operationNotAllowed,
  requiredParameter,
  sourceNotFound,
} from './arm-error.ts';
import type { ArmState } from './arm-state.ts';
import { toSizeGb } from './disk-body.ts';
import { arrayAt, type Json, type JsonObject, numberAt, objectAt, stringAt } from './json.ts';
import { idKey } from './resource-id.ts';
import type { ArmResource } from './resource-store.ts';

/** Data disks that a size takes (a few of the published sizes). */
const maxDataDisksBySize: Readonly<Record<string, number>> = {
  standard_b1s: 2,
  standard_b2s: 4,
  standard_d2s_v3: 4,
  standard_d2s_v5: 4,
  standard_d4s_v3: 8,
  standard_d4s_v5: 8,
  standard_d8s_v5: 16,
  standard_d16s_v5: 32,
};

/** The disk that a VM names, refused where it cannot be attached to `vmId`. */
function attachableDisk(
  state: ArmState,
  diskId: string,
  vmId: string,
  region: string,
): ArmResource {
  const disk = state.resources.get(diskId);
  const content = state.disks.get(idKey(diskId));
  if (disk === undefined || content === undefined || disk.region !== region) {
    throw sourceNotFound(diskId);
  }
  const owner = disk.envelope['managedBy'];
  if (typeof owner === 'string' && idKey(owner) !== idKey(vmId)) {
    throw new ArmError(
      409,
      'ConflictingUserInput',
      `Cannot attach the disk ${disk.name} to VM ${vmId} because it is already attached to VM ${owner}. A disk can be attached to only one VM at a time.`,
      { target: disk.id },
    );
  }
  if (stringAt(disk.properties, 'provisioningState') !== 'Succeeded' || content.upload !== 'none') {
    throw operationNotAllowed(
      `Cannot attach the disk ${disk.name} to VM ${vmId}: the disk is not ready (${content.upload === 'none' ? String(disk.properties['provisioningState']) : 'upload not ended'}).`,
    );
  }
  if (isOpen(state, content.grant)) {
    throw operationNotAllowed(
      `There is an active shared access signature outstanding for disk ${disk.name}`,
    );
  }
  return disk;
}

/**
 * Disk and VM must agree on the zone, except for zone-redundant disks (jrudlin/Azure#7 and
 * jenkins-infra/azure#1406 show the two texts).
 */
function refuseOtherZone(disk: ArmResource, vmZone: string | undefined): void {
  const diskZone = arrayAt(disk.envelope, 'zones')[0];
  const isZoneRedundant = stringAt(disk.envelope, 'sku', 'name')?.endsWith('_ZRS') === true;
  if (isZoneRedundant || diskZone === vmZone) return;
  throw new ArmError(
    400,
    'BadRequest',
    diskZone === undefined
      ? `Disk ${disk.id} cannot be attached to the VM because it is not in zone '${vmZone ?? ''}'.`
      : `Disk ${disk.id} cannot be attached to the VM because it is not in the same zone as the VM. VM zone: '${vmZone ?? ''}'. Disk zone: '${String(diskZone)}'.`,
  );
}

/** Azure/azure-sdk-for-python#30479. */
function refuseOtherSecurity(osDisk: ArmResource, vmSecurity: string | undefined): void {
  const diskSecurity = stringAt(osDisk.properties, 'securityProfile', 'securityType');
  if ((diskSecurity ?? 'Standard') === (vmSecurity ?? 'Standard')) return;
  throw new ArmError(
    400,
    'BadRequest',
    'Security type of VM is not compatible with the security type of attached OS Disk.',
  );
}

export interface VmForDisks {
  readonly id: string;
  readonly region: string;
  readonly size: string;
  readonly zone: string | undefined;
  readonly securityType: string | undefined;
}

function attachedBody(state: ArmState, given: Json, disk: ArmResource): JsonObject {
  const content = state.disks.get(idKey(disk.id));
  const body = objectAt(given);
  return {
    ...body,
    name: disk.name,
    createOption: 'Attach',
    caching: body['caching'] ?? 'None',
    managedDisk: {
      ...objectAt(body, 'managedDisk'),
      storageAccountType: stringAt(disk.envelope, 'sku', 'name'),
      id: disk.id,
    },
    deleteOption: body['deleteOption'] ?? 'Detach',
    ...(content === undefined ? {} : { diskSizeGB: toSizeGb(content.store.sizeBytes) }),
  };
}

function requireAttach(given: Json, parameter: string): string {
  const createOption = stringAt(given, 'createOption');
  if (createOption === undefined) throw requiredParameter(`${parameter}.createOption`);
  if (createOption !== 'Attach') throw invalidParameter(`${parameter}.createOption`, createOption);
  const id = stringAt(given, 'managedDisk', 'id');
  if (id === undefined) throw requiredParameter(`${parameter}.managedDisk.id`);
  return id;
}

export interface ResolvedStorageProfile {
  /** As a GET of the VM shows it. */
  readonly body: JsonObject;
  readonly disks: readonly ArmResource[];
}

/** Checks the storage profile of a VM made of specialised disks, and fills in what Azure fills in. */
export function resolveStorageProfile(
  state: ArmState,
  given: JsonObject,
  vm: VmForDisks,
): ResolvedStorageProfile {
  if (given['osDisk'] === undefined) throw requiredParameter('storageProfile.osDisk');
  const osDisk = attachableDisk(state, requireAttach(given['osDisk'], 'osDisk'), vm.id, vm.region);
  const osType = stringAt(given, 'osDisk', 'osType');
  if (osType === undefined) throw requiredParameter('osDisk.osType');
  if (osType !== 'Linux' && osType !== 'Windows') throw invalidParameter('osDisk.osType', osType);

  refuseOtherSecurity(osDisk, vm.securityType);

  const dataDisks = arrayAt(given, 'dataDisks');
  const most = maxDataDisksBySize[vm.size.toLowerCase()] ?? 64;
  if (dataDisks.length > most) {
    throw new ArmError(
      409,
      'OperationNotAllowed',
      `The maximum number of data disks allowed to be attached to a VM of this size is ${most}.`,
      { target: 'dataDisks' },
    );
  }
  const luns = new Set<number>();
  const disks = [osDisk];
  const bodies = dataDisks.map((dataDisk) => {
    const lun = numberAt(dataDisk, 'lun');
    if (lun === undefined) throw requiredParameter('dataDisk.lun');
    if (!Number.isInteger(lun) || lun < 0 || lun > 63 || luns.has(lun)) {
      throw invalidParameter('dataDisk.lun', lun);
    }
    luns.add(lun);
    const disk = attachableDisk(state, requireAttach(dataDisk, 'dataDisk'), vm.id, vm.region);
    if (disks.includes(disk)) throw invalidParameter('dataDisk.managedDisk.id', disk.id);
    disks.push(disk);
    return {
      ...attachedBody(state, dataDisk, disk),
      toBeDetached: objectAt(dataDisk)['toBeDetached'] ?? false,
    };
  });
  for (const disk of disks) refuseOtherZone(disk, vm.zone);
  return {
    body: {
      ...given,
      osDisk: {
        ...attachedBody(state, given['osDisk'], osDisk),
        osType,
        caching: objectAt(given, 'osDisk')['caching'] ?? 'ReadWrite',
      },
      dataDisks: bodies,
    },
    disks,
  };
}
