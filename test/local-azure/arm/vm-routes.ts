import type { ArmCall, ArmReply, ArmRoute } from './arm-router.ts';
import { type ArmState, drawLatencyMs } from './arm-state.ts';
import { arrayAt, type Json, stringAt } from './json.ts';
import { createReadRoutes } from './list-routes.ts';
import { bindToVm } from './place-vm.ts';
import { idKey } from './resource-id.ts';
import type { ArmResource } from './resource-store.ts';
import { acceptOperation, callId, refuseIfLocked, requireResource } from './start-operation.ts';
import { requireGroup } from './subscription-routes.ts';
import { instanceView, showVm } from './vm-body.ts';
import { changePower, cutPower, type PowerAction } from './vm-power.ts';
import { beginVmWrite, patchVm, putVm, vmType } from './vm-put.ts';

/** Removes disks and NICs whose deleteOption is Delete. */
function deleteDependents(state: ArmState, vm: ArmResource): void {
  const profile = vm.properties['storageProfile'];
  const disks: readonly Json[] = [
    ...(profile === undefined ? [] : [(profile as Record<string, Json>)['osDisk']]),
    ...arrayAt(profile, 'dataDisks'),
  ];
  for (const disk of disks) {
    const id = stringAt(disk, 'managedDisk', 'id');
    if (id === undefined || stringAt(disk, 'deleteOption') !== 'Delete') continue;
    state.resources.remove(id);
    state.disks.delete(idKey(id));
  }
  for (const nic of arrayAt(vm.properties, 'networkProfile', 'networkInterfaces')) {
    const id = stringAt(nic, 'id');
    if (id !== undefined && stringAt(nic, 'properties', 'deleteOption') === 'Delete') {
      state.resources.remove(id);
    }
  }
}

function deleteVm(state: ArmState, call: ArmCall): ArmReply {
  requireGroup(state, call.params['resourceGroup'] ?? '');
  const vm = state.resources.get(callId(state, call, vmType));
  if (vm === undefined) return { status: 204 };
  refuseIfLocked(state, vm.id);
  const known = beginVmWrite(state, vm);
  vm.properties = { ...vm.properties, provisioningState: 'Deleting' };
  const accepted = acceptOperation(state, call, {
    kind: 'operations',
    region: vm.region,
    withLocation: true,
    retryAfterSeconds: 10,
    async work(wait) {
      await cutPower(state, vm);
      await wait(drawLatencyMs(state, state.settings.vmLatencyMs));
      bindToVm(state, vm, [], []);
      deleteDependents(state, vm);
      state.resources.remove(vm.id);
      state.vms.delete(idKey(vm.id));
      for (const id of [...state.runCommands.keys()]) {
        if (id.startsWith(`${idKey(vm.id)}/`)) state.runCommands.delete(id);
      }
      return {};
    },
    onFailure: () => {
      known.busy = false;
      vm.properties = { ...vm.properties, provisioningState: 'Failed' };
    },
  });
  return { status: 202, headers: accepted.headers };
}

/** Microsoft.Compute/virtualMachines. */
export function createVmRoutes(state: ArmState): readonly ArmRoute[] {
  const one = `{rg}/providers/${vmType}/:name`;
  const common = { family: 'compute', type: 'virtualMachines' } as const;
  const power = (action: PowerAction): ArmRoute => ({
    ...common,
    method: 'POST',
    path: `${one}/${action}`,
    operation: `virtualMachines.${action}`,
    handle: (call) => changePower(state, call, requireResource(state, call, vmType), action),
  });
  return [
    ...createReadRoutes(state, {
      type: vmType,
      family: 'compute',
      group: 'virtualMachines',
      listByGroup: 'list',
      listAll: 'listAll',
      show: (vm, query) => showVm(state, vm, query),
    }),
    {
      ...common,
      method: 'GET',
      path: `${one}/instanceView`,
      operation: 'virtualMachines.instanceView',
      handle: (call) => ({
        status: 200,
        body: instanceView(state, requireResource(state, call, vmType)),
      }),
    },
    {
      ...common,
      method: 'PUT',
      path: one,
      operation: 'virtualMachines.createOrUpdate',
      handle: (call) => putVm(state, call),
    },
    {
      ...common,
      method: 'PATCH',
      path: one,
      operation: 'virtualMachines.update',
      handle: (call) => patchVm(state, call, requireResource(state, call, vmType)),
    },
    {
      ...common,
      method: 'DELETE',
      path: one,
      operation: 'virtualMachines.delete',
      handle: (call) => deleteVm(state, call),
    },
    power('start'),
    power('deallocate'),
    power('powerOff'),
    power('restart'),
  ];
}
