import { ArmError, concurrentRequest, invalidParameter, requiredParameter } from './arm-error.ts';
import type { ArmCall, ArmReply } from './arm-router.ts';
import { type ArmState, drawLatencyMs, type VmState } from './arm-state.ts';
import { arrayAt, copyOf, type JsonObject, objectAt, stringAt } from './json.ts';
import { bindToVm, fillIdentity, placeVm } from './place-vm.ts';
import { idKey } from './resource-id.ts';
import { type ArmResource, toBody } from './resource-store.ts';
import { acceptOperation, callId, refuseOtherRegion } from './start-operation.ts';
import { readRegion, readTags, requireGroup } from './subscription-routes.ts';
import { resolveNetworkProfile } from './vm-network-profile.ts';
import { resolveStorageProfile } from './vm-storage-profile.ts';

export const vmType = 'Microsoft.Compute/virtualMachines';
/** Documented for Linux VMs: up to 64 characters, without `_` and most punctuation. */
const namePattern = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/;

export function requireVmState(state: ArmState, vm: ArmResource): VmState {
  const known = state.vms.get(idKey(vm.id));
  if (known === undefined) throw new Error(`VM ${vm.id} has no state`);
  return known;
}

/** Marks a VM as being written; refused while another write goes on. */
export function beginVmWrite(state: ArmState, vm: ArmResource): VmState {
  const known = requireVmState(state, vm);
  if (known.busy) throw concurrentRequest();
  known.busy = true;
  return known;
}

function firstZone(holder: JsonObject): string | undefined {
  const zone = arrayAt(holder, 'zones')[0];
  return typeof zone === 'string' ? zone : undefined;
}

function readEnvelope(call: ArmCall): JsonObject {
  const zones = arrayAt(call.body, 'zones');
  return {
    ...(zones.length === 0 ? {} : { zones }),
    ...(call.body['identity'] === undefined ? {} : { identity: call.body['identity'] }),
    ...(call.body['plan'] === undefined ? {} : { plan: call.body['plan'] }),
  };
}

/** What stands in the way of changing a VM that exists, by a property of its disks. */
function refuseFixedChanges(vm: ArmResource, properties: JsonObject): void {
  const before = stringAt(vm.properties, 'storageProfile', 'osDisk', 'managedDisk', 'id') ?? '';
  const after = stringAt(properties, 'storageProfile', 'osDisk', 'managedDisk', 'id');
  if (after !== undefined && idKey(after) !== idKey(before)) {
    throw new ArmError(
      409,
      'PropertyChangeNotAllowed',
      "Changing property 'osDisk.managedDisk.id' is not allowed.",
      { target: 'osDisk.managedDisk.id' },
    );
  }
}

function updateVm(state: ArmState, call: ArmCall, vm: ArmResource, isPatch: boolean): ArmReply {
  const given = objectAt(call.body, 'properties');
  refuseFixedChanges(vm, given);
  const merged: JsonObject = { ...vm.properties, ...copyOf(given) };
  const size = stringAt(merged, 'hardwareProfile', 'vmSize') ?? '';
  const profile = resolveStorageProfile(
    state,
    { ...objectAt(vm.properties, 'storageProfile'), ...objectAt(given, 'storageProfile') },
    {
      id: vm.id,
      region: vm.region,
      size,
      zone: firstZone(vm.envelope),
      securityType: stringAt(merged, 'securityProfile', 'securityType'),
    },
  );
  const nics = resolveNetworkProfile(state, merged, vm);
  const tags = readTags(call.body['tags']);
  const known = beginVmWrite(state, vm);
  const before = { tags: vm.tags, envelope: vm.envelope, properties: vm.properties };
  if (tags !== undefined || !isPatch) vm.tags = tags;
  vm.envelope = fillIdentity(state, { ...vm.envelope, ...readEnvelope(call) });
  vm.properties = { ...merged, storageProfile: profile.body, provisioningState: 'Updating' };
  const accepted = acceptOperation(state, call, {
    kind: 'operations',
    region: vm.region,
    withLocation: false,
    async work(wait) {
      await wait(drawLatencyMs(state, state.settings.vmLatencyMs));
      bindToVm(state, vm, profile.disks, nics);
      vm.properties = { ...vm.properties, provisioningState: 'Succeeded' };
      known.busy = false;
      return {};
    },
    onFailure: () => {
      Object.assign(vm, before);
      known.busy = false;
    },
  });
  return { status: 200, headers: accepted.headers, body: toBody(vm) };
}

/** PATCH of a VM: 200 while it is still Updating; only the header tells. */
export function patchVm(state: ArmState, call: ArmCall, vm: ArmResource): ArmReply {
  return updateVm(state, call, vm, true);
}

/** PUT of a VM: from attached, specialised disks, or an update of one that exists. */
export function putVm(state: ArmState, call: ArmCall): ArmReply {
  const group = requireGroup(state, call.params['resourceGroup'] ?? '');
  const name = call.params['name'] ?? '';
  if (!namePattern.test(name)) throw invalidParameter('vmName', name);
  const region = readRegion(state, call.body);
  const id = callId(state, call, vmType);
  const existing = state.resources.get(id);
  refuseOtherRegion(existing, region);
  if (existing !== undefined) return updateVm(state, call, existing, false);

  const properties = copyOf(objectAt(call.body, 'properties'));
  const size = stringAt(properties, 'hardwareProfile', 'vmSize');
  if (size === undefined) throw requiredParameter('hardwareProfile.vmSize');
  if (properties['osProfile'] !== undefined) {
    throw new ArmError(400, 'InvalidParameter', "Parameter 'osProfile' is not allowed.", {
      target: 'osProfile',
    });
  }
  const profile = resolveStorageProfile(state, objectAt(properties, 'storageProfile'), {
    id,
    region,
    size,
    zone: firstZone(call.body),
    securityType: stringAt(properties, 'securityProfile', 'securityType'),
  });
  const nics = resolveNetworkProfile(state, properties, { id, region });
  const vm = placeVm(state, {
    id,
    name,
    resourceGroup: group.name,
    region,
    tags: readTags(call.body['tags']),
    envelope: readEnvelope(call),
    properties: { ...properties, storageProfile: profile.body },
    disks: profile.disks,
    nics,
    power: 'starting',
    provisioningState: 'Creating',
  });
  const known = beginVmWrite(state, vm);
  const accepted = acceptOperation(state, call, {
    kind: 'operations',
    region,
    withLocation: false,
    retryAfterSeconds: 10,
    async work(wait) {
      await wait(drawLatencyMs(state, state.settings.vmLatencyMs));
      vm.properties = { ...vm.properties, provisioningState: 'Succeeded' };
      known.power = 'running';
      known.busy = false;
      state.agent.powerOn(vm.id);
      return {};
    },
    onFailure: () => {
      vm.properties = { ...vm.properties, provisioningState: 'Failed' };
      known.power = 'stopped';
      known.busy = false;
    },
  });
  return { status: 201, headers: accepted.headers, body: toBody(vm) };
}
