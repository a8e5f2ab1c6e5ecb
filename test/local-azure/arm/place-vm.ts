import type { ArmState, VmState } from './arm-state.ts';
import type { JsonObject } from './json.ts';
import { idKey } from './resource-id.ts';
import type { ArmResource } from './resource-store.ts';

/** Marks disks and NICs as the VM's, and frees those that it no longer has. */
export function bindToVm(
  state: ArmState,
  vm: ArmResource,
  disks: readonly ArmResource[],
  nics: readonly ArmResource[],
): void {
  for (const disk of state.resources.list('Microsoft.Compute/disks')) {
    const isHere = disks.includes(disk);
    const wasHere = disk.envelope['managedBy'] === vm.id;
    if (isHere) disk.envelope = { ...disk.envelope, managedBy: vm.id };
    else if (wasHere) {
      const { managedBy: _gone, ...rest } = disk.envelope;
      disk.envelope = rest;
    }
  }
  for (const nic of state.resources.list('Microsoft.Network/networkInterfaces')) {
    const isHere = nics.includes(nic);
    const owner = nic.properties['virtualMachine'] as JsonObject | undefined;
    if (isHere) nic.properties = { ...nic.properties, virtualMachine: { id: vm.id } };
    else if (owner?.['id'] === vm.id) {
      const { virtualMachine: _gone, ...rest } = nic.properties;
      nic.properties = rest;
    }
  }
}

export interface VmPlacement {
  readonly id: string;
  readonly name: string;
  readonly resourceGroup: string;
  readonly region: string;
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly envelope: JsonObject;
  /** With the storage profile already resolved. */
  readonly properties: JsonObject;
  readonly disks: readonly ArmResource[];
  readonly nics: readonly ArmResource[];
  readonly power: VmState['power'];
  readonly provisioningState: 'Succeeded' | 'Creating';
}

/** A system-assigned identity gets its principal when the VM is made. */
export function fillIdentity(state: ArmState, envelope: JsonObject): JsonObject {
  const identity = envelope['identity'];
  if (typeof identity !== 'object' || identity === null || Array.isArray(identity)) return envelope;
  const body = identity as JsonObject;
  if (!String(body['type']).includes('SystemAssigned') || body['principalId'] !== undefined) {
    return envelope;
  }
  return {
    ...envelope,
    identity: { ...body, principalId: state.random.uuid(), tenantId: state.tenantId },
  };
}

/** Puts a VM in place, with its disks and NICs bound to it. */
export function placeVm(state: ArmState, vm: VmPlacement): ArmResource {
  const resource: ArmResource = {
    id: vm.id,
    name: vm.name,
    type: 'Microsoft.Compute/virtualMachines',
    resourceGroup: vm.resourceGroup,
    region: vm.region,
    tags: vm.tags,
    envelope: fillIdentity(state, vm.envelope),
    properties: {
      ...vm.properties,
      vmId: state.random.uuid(),
      timeCreated: new Date().toISOString(),
      provisioningState: vm.provisioningState,
    },
  };
  state.resources.put(resource);
  state.vms.set(idKey(resource.id), {
    power: vm.power,
    busy: false,
    createdAt: new Date().toISOString(),
  });
  bindToVm(state, resource, vm.disks, vm.nics);
  return resource;
}
