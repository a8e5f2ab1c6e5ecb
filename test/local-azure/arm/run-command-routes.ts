import { ArmError, operationNotAllowed } from './arm-error.ts';
import type { ArmCall, ArmReply, ArmRoute } from './arm-router.ts';
import type { ArmState, RunCommandState } from './arm-state.ts';
import { type JsonObject, objectAt, valueAt } from './json.ts';
import { listPage } from './list-page.ts';
import { idKey } from './resource-id.ts';
import { type ArmResource, toBody } from './resource-store.ts';
import { readRunCommand, startRunCommand } from './run-command-execution.ts';
import { acceptOperation, requireResource } from './start-operation.ts';
import { readRegion, readTags } from './subscription-routes.ts';
import { requireVmState, vmType } from './vm-put.ts';

const commandType = `${vmType}/runCommands`;

function executionView(command: RunCommandState | undefined): JsonObject {
  if (command === undefined) return { executionState: 'Unknown' };
  return {
    executionState: command.executionState,
    executionMessage: command.executionMessage,
    ...(command.exitCode === undefined ? {} : { exitCode: command.exitCode }),
    output: command.output,
    error: command.error,
    ...(command.startTime === undefined ? {} : { startTime: command.startTime }),
    ...(command.endTime === undefined ? {} : { endTime: command.endTime }),
    statuses: [],
  };
}

function show(state: ArmState, resource: ArmResource, query: URLSearchParams): JsonObject {
  const expand = [...query].find(([name]) => name.toLowerCase() === '$expand')?.[1] ?? '';
  const body = toBody(resource);
  if (expand.toLowerCase() !== 'instanceview') return body;
  const command = state.runCommands.get(idKey(resource.id));
  return {
    ...body,
    properties: { ...resource.properties, instanceView: executionView(command) },
  };
}

function commandId(vm: ArmResource, call: ArmCall): string {
  return `${vm.id}/runCommands/${call.params['command'] ?? ''}`;
}

function requireCommand(state: ArmState, call: ArmCall): ArmResource {
  const vm = requireResource(state, call, vmType);
  const command = state.resources.get(commandId(vm, call));
  if (command === undefined) {
    throw new ArmError(
      404,
      'ResourceNotFound',
      `The Resource '${vmType}/${vm.name}/runCommands/${call.params['command'] ?? ''}' under resource group '${vm.resourceGroup}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    );
  }
  return command;
}

/** What a GET gives back: everything but the secrets that were sent in. */
function keptProperties(properties: JsonObject): JsonObject {
  const { protectedParameters: _secret, runAsPassword: _password, ...kept } = properties;
  return kept;
}

function putCommand(state: ArmState, call: ArmCall): ArmReply {
  const vm = requireResource(state, call, vmType);
  readRegion(state, call.body);
  const given = objectAt(call.body, 'properties');
  const request = readRunCommand(given, vm.id, call.params['command'] ?? '');
  if (requireVmState(state, vm).power !== 'running') {
    throw operationNotAllowed('Cannot modify extensions in the VM when the VM is not running.');
  }
  const id = commandId(vm, call);
  const existing = state.resources.get(id);
  for (const value of Object.values(request.protectedParameters)) {
    const signature = /[?&]sig=([^&\s]+)/.exec(value)?.[1];
    if (signature !== undefined) {
      state.secrets.issued('sas-signature', decodeURIComponent(signature));
    }
  }
  // Starting one of the same name kills what runs under it (run-command-handler-linux, pid.go).
  state.runCommands.get(idKey(id))?.process?.kill();
  const resource: ArmResource = {
    id: existing?.id ?? id,
    name: existing?.name ?? request.name,
    type: commandType,
    resourceGroup: vm.resourceGroup,
    region: vm.region,
    tags: readTags(call.body['tags']),
    envelope: {},
    properties: {
      ...keptProperties(given),
      timeoutInSeconds: request.timeoutSeconds,
      asyncExecution: valueAt(given, 'asyncExecution') === true,
      treatFailureAsDeploymentFailure: valueAt(given, 'treatFailureAsDeploymentFailure') === true,
      provisioningState: existing === undefined ? 'Creating' : 'Updating',
    },
  };
  const command: RunCommandState = {
    executionState: 'Pending',
    process: undefined,
    exitCode: undefined,
    output: '',
    error: '',
    executionMessage: '',
    startTime: undefined,
    endTime: undefined,
  };
  state.resources.put(resource);
  state.runCommands.set(idKey(id), command);
  const accepted = acceptOperation(state, call, {
    kind: 'operations',
    region: vm.region,
    withLocation: false,
    retryAfterSeconds: 10,
    async work(wait) {
      await startRunCommand(state, request, command, {
        wait,
        isAsync: resource.properties['asyncExecution'] === true,
        failsWithScript: resource.properties['treatFailureAsDeploymentFailure'] === true,
        isCurrent: () => state.runCommands.get(idKey(id)) === command,
      });
      resource.properties = { ...resource.properties, provisioningState: 'Succeeded' };
      return {};
    },
    onFailure: () => {
      resource.properties = { ...resource.properties, provisioningState: 'Failed' };
      if (command.executionState === 'Pending') command.executionState = 'Failed';
    },
  });
  return {
    status: existing === undefined ? 201 : 200,
    headers: accepted.headers,
    body: toBody(resource),
  };
}

function deleteCommand(state: ArmState, call: ArmCall): ArmReply {
  const vm = requireResource(state, call, vmType);
  const id = commandId(vm, call);
  const resource = state.resources.get(id);
  if (resource === undefined) return { status: 204 };
  if (requireVmState(state, vm).power !== 'running') {
    throw operationNotAllowed('Cannot modify extensions in the VM when the VM is not running.');
  }
  resource.properties = { ...resource.properties, provisioningState: 'Deleting' };
  const accepted = acceptOperation(state, call, {
    kind: 'operations',
    region: vm.region,
    withLocation: true,
    retryAfterSeconds: 10,
    async work(wait) {
      const { min, max } = state.settings.operationLatencyMs;
      await wait(state.random.integer(min, max));
      if (state.resources.get(id) !== resource) return {};
      // Deleting the resource kills its process group with SIGKILL (same source as above).
      state.runCommands.get(idKey(id))?.process?.kill();
      state.resources.remove(id);
      state.runCommands.delete(idKey(id));
      return {};
    },
  });
  return { status: 202, headers: accepted.headers };
}

/** Microsoft.Compute/virtualMachines/runCommands: the managed ones. */
export function createRunCommandRoutes(state: ArmState): readonly ArmRoute[] {
  const all = `{rg}/providers/${vmType}/:name/runCommands`;
  const one = `${all}/:command`;
  const common = { family: 'compute', type: 'virtualMachines/runCommands' } as const;
  return [
    {
      ...common,
      method: 'GET',
      path: all,
      operation: 'virtualMachineRunCommands.listByVirtualMachine',
      handle(call) {
        const vm = requireResource(state, call, vmType);
        const commands = state.resources
          .list(commandType)
          .filter((command) => idKey(command.id).startsWith(`${idKey(vm.id)}/`));
        return listPage(
          state,
          call,
          commands.map((command) => show(state, command, call.query)),
        );
      },
    },
    {
      ...common,
      method: 'GET',
      path: one,
      operation: 'virtualMachineRunCommands.getByVirtualMachine',
      handle: (call) => ({
        status: 200,
        body: show(state, requireCommand(state, call), call.query),
      }),
    },
    {
      ...common,
      method: 'PUT',
      path: one,
      operation: 'virtualMachineRunCommands.createOrUpdate',
      handle: (call) => putCommand(state, call),
    },
    {
      ...common,
      method: 'DELETE',
      path: one,
      operation: 'virtualMachineRunCommands.delete',
      handle: (call) => deleteCommand(state, call),
    },
  ];
}
