import { done, type Outcome, refused } from '../outcome.ts';
import { makeOnce } from './make-once.ts';
import { holdManifest } from './manifest-lease.ts';
import type { CreateNicStep, RestoreOrigin } from './restore-plan.ts';
import type { RestorePorts, StepResult } from './restore-ports.ts';
import { readRestoreSource } from './restore-source.ts';
import { runTags } from './run-tags.ts';

export interface CreateNicInput {
  readonly runId: string;
  readonly origin: RestoreOrigin;
  readonly step: CreateNicStep;
}

/** Makes one network interface with the captured settings in the planned subnet. May be repeated. */
export const createNic = async (
  ports: RestorePorts,
  input: CreateNicInput,
): Promise<Outcome<StepResult>> => {
  const { runId, origin, step } = input;
  await holdManifest(ports, origin);
  const read = await readRestoreSource(ports, origin);
  if (!read.ok) return read;
  const captured = read.value.point.configuration.nics[step.nicIndex];
  if (captured === undefined) {
    return refused('NicNotInPoint', `The point has no NIC number ${step.nicIndex}.`, step.id);
  }
  const made = await makeOnce(ports, {
    runId,
    kind: 'nic',
    resourceId: step.nicId,
    takenCode: 'NicNameTaken',
    find: () => ports.vms.findNic(step.nicId),
    make: () =>
      ports.vms.createNic({
        nicId: step.nicId,
        region: origin.region,
        acceleratedNetworking: captured.acceleratedNetworking,
        ipForwarding: captured.ipForwarding,
        dnsServers: captured.dnsServers,
        ...(step.networkSecurityGroupId === undefined
          ? {}
          : { networkSecurityGroupId: step.networkSecurityGroupId }),
        ipConfigurations: step.addresses,
        tags: runTags(runId, ports.deploymentId, origin, captured.tags),
      }),
  });
  return made.ok ? done({ finished: true, resourceId: step.nicId }) : made;
};
