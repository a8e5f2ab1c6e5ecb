import { ArmError, requiredParameter } from './arm-error.ts';
import type { ArmState } from './arm-state.ts';
import { arrayAt, type JsonObject, stringAt } from './json.ts';
import { idKey } from './resource-id.ts';
import type { ArmResource } from './resource-store.ts';

/** The refusal of a reference to something that is not there or is elsewhere. */
export function invalidReference(referenced: string, from: string): ArmError {
  return new ArmError(
    400,
    'InvalidResourceReference',
    `Resource ${referenced} referenced by resource ${from} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
  );
}

/** The NICs of a VM: there, in its region, and of no other VM. */
export function resolveNetworkProfile(
  state: ArmState,
  properties: JsonObject,
  vm: { readonly id: string; readonly region: string },
): readonly ArmResource[] {
  const given = arrayAt(properties, 'networkProfile', 'networkInterfaces');
  if (given.length === 0) throw requiredParameter('networkProfile.networkInterfaces');
  return given.map((entry) => {
    const id = stringAt(entry, 'id');
    if (id === undefined) throw requiredParameter('networkInterfaces.id');
    const nic = state.resources.get(id);
    if (nic === undefined || nic.region !== vm.region) throw invalidReference(id, vm.id);
    const owner = stringAt(nic.properties, 'virtualMachine', 'id');
    if (owner !== undefined && idKey(owner) !== idKey(vm.id)) {
      throw new ArmError(
        400,
        'NicInUse',
        `Network Interface ${nic.id} is used by existing resource ${owner}. In order to delete the network interface, it must be dissociated from the resource.`,
      );
    }
    return nic;
  });
}
