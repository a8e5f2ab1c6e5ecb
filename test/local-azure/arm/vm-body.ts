import type { ArmState, PowerState } from './arm-state.ts';
import { arrayAt, type JsonObject, stringAt } from './json.ts';
import { idKey } from './resource-id.ts';
import { type ArmResource, toBody } from './resource-store.ts';

const powerNames: Readonly<Record<PowerState, string>> = {
  running: 'VM running',
  starting: 'VM starting',
  stopping: 'VM stopping',
  stopped: 'VM stopped',
  deallocating: 'VM deallocating',
  deallocated: 'VM deallocated',
};

function agentView(state: ArmState, vmId: string): JsonObject | undefined {
  const status = state.agent.agentStatus(vmId);
  const time = new Date().toISOString();
  if (status === 'None') return undefined;
  if (status === 'Ready') {
    return {
      vmAgentVersion: '2.11.1.4',
      statuses: [
        {
          code: 'ProvisioningState/succeeded',
          level: 'Info',
          displayStatus: 'Ready',
          message: 'Guest Agent is running',
          time,
        },
      ],
      extensionHandlers: [],
    };
  }
  return {
    vmAgentVersion: 'Unknown',
    statuses: [
      {
        code: 'ProvisioningState/Unavailable',
        level: 'Warning',
        displayStatus: 'Not Ready',
        message: 'VM status blob not found.',
        time,
      },
    ],
  };
}

/** The instance view; a VM that is not running has no agent to show. */
export function instanceView(state: ArmState, vm: ArmResource): JsonObject {
  const known = state.vms.get(idKey(vm.id));
  const power = known?.power ?? 'deallocated';
  const provisioning = stringAt(vm.properties, 'provisioningState') ?? 'Succeeded';
  const time = known?.createdAt ?? new Date().toISOString();
  const profile = vm.properties['storageProfile'];
  const osDiskName = stringAt(profile, 'osDisk', 'name');
  const diskNames = [
    ...(osDiskName === undefined ? [] : [osDiskName]),
    ...arrayAt(profile, 'dataDisks').map((disk) => stringAt(disk, 'name') ?? ''),
  ];
  const agent = power === 'running' ? agentView(state, vm.id) : undefined;
  return {
    ...(agent === undefined ? {} : { vmAgent: agent }),
    disks: diskNames.map((name) => ({
      name,
      statuses: [
        {
          code: 'ProvisioningState/succeeded',
          level: 'Info',
          displayStatus: 'Provisioning succeeded',
          time,
        },
      ],
    })),
    ...(power === 'running' ? { hyperVGeneration: 'V2' } : {}),
    statuses: [
      {
        code: `ProvisioningState/${provisioning.toLowerCase()}`,
        level: 'Info',
        displayStatus: `Provisioning ${provisioning.toLowerCase()}`,
        time,
      },
      { code: `PowerState/${power}`, level: 'Info', displayStatus: powerNames[power] },
    ],
  };
}

/** `$expand=instanceView` and `statusOnly=true` add the instance view to the properties. */
export function showVm(state: ArmState, vm: ArmResource, query: URLSearchParams): JsonObject {
  const body = toBody(vm);
  const expand = [...query].find(([name]) => name.toLowerCase() === '$expand')?.[1] ?? '';
  const isExpanded =
    expand.toLowerCase().split(',').includes('instanceview') || query.get('statusOnly') === 'true';
  if (!isExpanded) return body;
  return { ...body, properties: { ...vm.properties, instanceView: instanceView(state, vm) } };
}
