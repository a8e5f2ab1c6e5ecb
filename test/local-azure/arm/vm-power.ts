import type { ArmCall, ArmReply } from './arm-router.ts';
import { type ArmState, drawLatencyMs, type PowerState } from './arm-state.ts';
import { idKey } from './resource-id.ts';
import type { ArmResource } from './resource-store.ts';
import { acceptOperation } from './start-operation.ts';
import { beginVmWrite } from './vm-put.ts';

export type PowerAction = 'start' | 'deallocate' | 'powerOff' | 'restart';

const meanwhile: Readonly<Record<PowerAction, PowerState>> = {
  start: 'starting',
  deallocate: 'deallocating',
  powerOff: 'stopping',
  restart: 'stopping',
};
const afterwards: Readonly<Record<PowerAction, PowerState>> = {
  start: 'running',
  deallocate: 'deallocated',
  powerOff: 'stopped',
  restart: 'running',
};

/** Ends what runs in the guest, run commands included, as the loss of power does. */
export async function cutPower(state: ArmState, vm: ArmResource): Promise<void> {
  const prefix = `${idKey(vm.id)}/`;
  for (const [id, command] of state.runCommands) {
    if (!id.startsWith(prefix) || command.process === undefined) continue;
    command.process.kill();
    command.process = undefined;
    command.executionState = 'Failed';
    command.endTime = new Date().toISOString();
  }
  await state.agent.powerOff(vm.id);
}

/** start, deallocate, powerOff or restart: 202 with both URLs. */
export function changePower(
  state: ArmState,
  call: ArmCall,
  vm: ArmResource,
  action: PowerAction,
): ArmReply {
  const known = beginVmWrite(state, vm);
  const before = known.power;
  const isNoChange = afterwards[action] === before && action !== 'restart';
  if (!isNoChange) known.power = meanwhile[action];
  const accepted = acceptOperation(state, call, {
    kind: 'operations',
    region: vm.region,
    withLocation: true,
    retryAfterSeconds: 10,
    async work(wait) {
      if (action !== 'start' && before === 'running') await cutPower(state, vm);
      await wait(drawLatencyMs(state, state.settings.vmLatencyMs));
      known.power = afterwards[action];
      known.busy = false;
      if (afterwards[action] === 'running' && !isNoChange) state.agent.powerOn(vm.id);
      return {};
    },
    onFailure: () => {
      known.power = before;
      known.busy = false;
    },
  });
  return { status: 202, headers: accepted.headers };
}
