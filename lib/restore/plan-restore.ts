import { PRIMARY_COPY } from '../catalog/point-copy.ts';
import type { VmConfiguration } from '../catalog/vm-configuration.ts';
import { done, type Outcome } from '../outcome.ts';
import { planDisks } from './plan-disks.ts';
import { planNics } from './plan-nics.ts';
import { createPlanNotes, type PlanNotes } from './plan-notes.ts';
import { warnAboutVm } from './plan-warnings.ts';
import type { PlanInput } from './restore-facts.ts';
import { type NameChoice, nameOf, restoreNames, VM_NAME_PATTERN } from './restore-names.ts';
import {
  type CreateVmStep,
  type RestoreOrigin,
  type RestorePlan,
  refuseRestore,
} from './restore-plan.ts';
import type { RestoreRequest } from './restore-request.ts';

export interface RestoreDefaults {
  readonly subnetId?: string;
}

const chooseId = (
  choice: NameChoice,
  taken: ReadonlySet<string>,
  errorCode: string,
  how: string,
  notes: PlanNotes,
): string => {
  const [first = ''] = choice.ids;
  const free = choice.ids.find((id) => !taken.has(id.toLowerCase()));
  if (free === undefined) {
    notes.refuse(errorCode, `${first} exists already and is never overwritten. ${how}`, first);
  }
  return free ?? first;
};

/** The zones of VM and disks: the one asked for, or the captured ones where the region has them. */
const chooseZones = (
  request: RestoreRequest,
  configuration: VmConfiguration,
  { chosen, destination }: PlanInput,
  notes: PlanNotes,
): readonly string[] => {
  const asked = request.overrides?.zone;
  const wanted = asked === undefined ? configuration.zones : [asked];
  const known = destination.zones;
  if (wanted.length === 0) return [];
  const missing = wanted.filter((zone) => known !== undefined && !known.includes(zone));
  if (asked !== undefined && missing.length > 0) {
    notes.refuse(
      'ZoneNotAvailable',
      `${chosen.region} has no zone ${asked} for this subscription (${known?.join(', ') || 'none'}).`,
      'overrides.zone',
    );
    return [];
  }
  if (missing.length > 0 || (asked === undefined && known === undefined)) {
    notes.warn(
      'ZoneNotKept',
      `The VM was in zone ${wanted.join(', ')}; ${chosen.region} is not known to have it, so the ` +
        'restored VM has no zone. Ask for one in overrides.zone.',
    );
    return [];
  }
  return wanted;
};

const checkDestination = (
  request: RestoreRequest,
  input: PlanInput,
  vmName: string,
  size: string,
  notes: PlanNotes,
): void => {
  const { chosen, destination } = input;
  if (!destination.resourceGroupExists) {
    notes.refuse(
      'ResourceGroupMissing',
      `Resource group ${nameOf(destination.resourceGroupId)} does not exist. Make it, or name another ` +
        'one in overrides.resourceGroup.',
      destination.resourceGroupId,
    );
  }
  if (!VM_NAME_PATTERN.test(vmName)) {
    notes.refuse(
      'NameInvalid',
      `'${vmName}' cannot name a VM: up to 64 letters, digits, '.' and '-', not at the ends.`,
      'overrides.vmName',
    );
  }
  if (destination.sizeIsOffered === false) {
    notes.refuse(
      'SizeNotAvailable',
      `Size ${size} is not offered to this subscription in ${chosen.region}. Name another one in ` +
        'overrides.size.',
      request.overrides?.size === undefined ? 'configuration.size' : 'overrides.size',
    );
  }
  const account = destination.storageAccount;
  if (account !== undefined && account.region !== chosen.region) {
    notes.refuse(
      account.region === undefined ? 'StorageAccountMissing' : 'RegionMismatch',
      `Storage account ${nameOf(account.id)} of replica '${chosen.copy}' ` +
        (account.region === undefined
          ? 'was not found'
          : `is in ${account.region}, not in ${chosen.region}, so no disk of ${chosen.region} can be imported from it`) +
        '. Correct LOCKSTEP_REPLICA_TARGETS.',
      account.id,
    );
  }
};

/**
 * Plans a restore as a new VM, or refuses with every reason at once. Pure: the same input gives the
 * same plan, names included.
 */
export const planRestore = (
  request: RestoreRequest,
  input: PlanInput,
  defaults: RestoreDefaults,
): Outcome<RestorePlan> => {
  const { point, chosen, destination } = input;
  const { configuration } = point;
  const notes = createPlanNotes();
  const overrides = request.overrides ?? {};
  const names = restoreNames(configuration, overrides, destination.resourceGroupId);
  const size = overrides.size ?? configuration.size;
  checkDestination(request, input, names.vmName, size, notes);
  const source = chosen.copy === PRIMARY_COPY ? 'primary' : 'replica';
  const origin: RestoreOrigin = {
    vmKey: point.vmKey,
    pointId: point.pointId,
    source,
    ...(source === 'replica' ? { target: chosen.copy } : {}),
    region: chosen.region,
  };

  const taken = destination.takenIds;
  chooseId(
    { ids: [names.vmId], isAsked: true },
    taken,
    'NameTaken',
    'Name the new VM in overrides.vmName, or restore to another resource group.',
    notes,
  );
  const diskIds = names.disks.map((choice) =>
    chooseId(choice, taken, 'DiskNameTaken', 'Name the disk in overrides.diskNames.', notes),
  );
  const nicIds = names.nics.map((choice) =>
    chooseId(choice, taken, 'NicNameTaken', 'Name the new VM in overrides.vmName.', notes),
  );
  const zones = chooseZones(request, configuration, input, notes);
  const disks = planDisks({ request, point, chosen, diskIds, zones }, notes);
  const nics = planNics(
    {
      request,
      source,
      region: chosen.region,
      configuration,
      subnets: destination.subnets,
      networkSecurityGroupRegions: destination.networkSecurityGroupRegions,
      nicIds,
      ...(defaults.subnetId === undefined ? {} : { defaultSubnetId: defaults.subnetId }),
    },
    notes,
  );
  const { managedBootDiagnostics } = warnAboutVm(point, source, notes);
  if (notes.refusals.length > 0) return refuseRestore(notes.refusals);

  const vmStep: CreateVmStep = {
    id: 'vm',
    kind: 'createVm',
    what: `Make VM ${names.vmName} (${size}) in ${nameOf(destination.resourceGroupId)}, ${chosen.region}`,
    reason: 'All disks of one point and their network interfaces are there; making it starts it',
    vmId: names.vmId,
    size,
    zones,
    disks: disks.made.map(({ diskKey, diskId }) => ({ diskKey, diskId })),
    nics: nics.map(({ nicIndex, nicId }) => ({ nicIndex, nicId })),
    managedBootDiagnostics,
  };
  return done({
    origin,
    vmName: configuration.name,
    achievedLabel: point.verdict?.achieved ?? 'uncoordinated',
    sourceReason: input.sourceReason,
    vmId: names.vmId,
    resourceGroup: nameOf(destination.resourceGroupId),
    steps: [
      ...disks.verified,
      ...disks.made,
      ...nics,
      vmStep,
      {
        id: 'finish',
        kind: 'finishRestore',
        what: 'Remove Lockstep’s tags and scratch copies, release the point',
        reason: 'A finished restore is the user’s',
      },
    ],
    warnings: notes.warnings,
  });
};
