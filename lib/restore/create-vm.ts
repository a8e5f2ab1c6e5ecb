import type { ArmBody, VmConfiguration } from '../catalog/vm-configuration.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { DiskToAttach, VmToMake } from '../ports/vm-builder.ts';
import { makeOnce } from './make-once.ts';
import { holdManifest } from './manifest-lease.ts';
import type { CreateVmStep, RestoreOrigin } from './restore-plan.ts';
import type { RestorePorts, StepResult } from './restore-ports.ts';
import { readRestoreSource } from './restore-source.ts';
import { runTags } from './run-tags.ts';

export interface CreateVmInput {
  readonly runId: string;
  readonly origin: RestoreOrigin;
  readonly step: CreateVmStep;
}

/** Properties that a VM keeps and that the typed configuration leaves out; none binds it to a place. */
const KEPT_PROPERTIES = [
  'additionalCapabilities',
  'priority',
  'evictionPolicy',
  'billingProfile',
  'extensionsTimeBudget',
  'scheduledEventsProfile',
  'userData',
] as const;

const isBody = (value: unknown): value is ArmBody => typeof value === 'object' && value !== null;

const moreProperties = (configuration: VmConfiguration): ArmBody => {
  const properties = configuration.raw.vm['properties'];
  if (!isBody(properties)) return {};
  return Object.fromEntries(
    KEPT_PROPERTIES.flatMap((name) =>
      properties[name] === undefined ? [] : [[name, properties[name]] as const],
    ),
  );
};

/**
 * What a caller may send of an identity that ARM answered: kind and ids, not the principals that the
 * platform makes.
 */
const identityToSend = (identity: ArmBody): ArmBody => {
  const users = identity['userAssignedIdentities'];
  return {
    type: identity['type'],
    ...(isBody(users)
      ? { userAssignedIdentities: Object.fromEntries(Object.keys(users).map((id) => [id, {}])) }
      : {}),
  };
};

const disksToAttach = (
  configuration: VmConfiguration,
  step: CreateVmStep,
  diskKeyOfLun: (lun: number) => string | undefined,
): Outcome<readonly DiskToAttach[]> => {
  const attached: DiskToAttach[] = [];
  for (const captured of configuration.disks) {
    const diskKey = diskKeyOfLun(captured.lun);
    const diskId = step.disks.find((one) => one.diskKey === diskKey)?.diskId;
    if (diskId === undefined) {
      return refused('DiskNotInPoint', `The plan has no disk for LUN ${captured.lun}.`, step.id);
    }
    attached.push({
      diskId,
      lun: captured.lun,
      caching: captured.caching,
      writeAcceleratorEnabled: captured.writeAcceleratorEnabled,
      ...(captured.deleteOption === undefined ? {} : { deleteOption: captured.deleteOption }),
    });
  }
  return done(attached);
};

/** Makes the VM of the restored disks and NICs, with the captured settings. May be repeated. */
export const createVm = async (
  ports: RestorePorts,
  input: CreateVmInput,
): Promise<Outcome<StepResult>> => {
  const { runId, origin, step } = input;
  await holdManifest(ports, origin);
  const read = await readRestoreSource(ports, origin);
  if (!read.ok) return read;
  const { point } = read.value;
  const { configuration } = point;
  const disks = disksToAttach(
    configuration,
    step,
    (lun) => point.disks.find((disk) => disk.lun === lun)?.diskKey,
  );
  if (!disks.ok) return disks;
  const { securityProfile, licenseType, plan, identity, diagnosticsProfile } = configuration;
  const bootDiagnostics: ArmBody = { bootDiagnostics: { enabled: true } };
  const vm: VmToMake = {
    vmId: step.vmId,
    region: origin.region,
    size: step.size,
    zones: step.zones,
    osType: configuration.osType,
    disks: disks.value,
    nics: step.nics.map(({ nicIndex, nicId }) => {
      const captured = configuration.nics[nicIndex];
      return {
        nicId,
        primary: captured?.primary ?? nicIndex === 0,
        ...(captured?.deleteOption === undefined ? {} : { deleteOption: captured.deleteOption }),
      };
    }),
    ...(securityProfile === undefined ? {} : { securityProfile }),
    ...(licenseType === undefined ? {} : { licenseType }),
    ...(plan === undefined ? {} : { plan }),
    ...(identity === undefined ? {} : { identity: identityToSend(identity) }),
    ...(step.managedBootDiagnostics
      ? { diagnosticsProfile: bootDiagnostics }
      : diagnosticsProfile === undefined
        ? {}
        : { diagnosticsProfile }),
    moreProperties: moreProperties(configuration),
    tags: runTags(runId, ports.deploymentId, origin, configuration.tags),
  };
  const made = await makeOnce(ports, {
    runId,
    kind: 'vm',
    resourceId: step.vmId,
    takenCode: 'NameTaken',
    find: () => ports.vms.findVm(step.vmId),
    make: () => ports.vms.createVm(vm),
  });
  if (!made.ok) return made;
  ports.events.emit('VmRestored', { runId, vmId: step.vmId, pointId: point.pointId });
  return done({ finished: true, resourceId: step.vmId });
};
