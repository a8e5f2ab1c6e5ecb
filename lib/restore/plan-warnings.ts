import type { RestorePoint } from '../catalog/restore-point.ts';
import type { ArmBody } from '../catalog/vm-configuration.ts';
import type { PlanNotes } from './plan-notes.ts';

const fieldOf = (body: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (at, name) => (typeof at === 'object' && at !== null ? (at as ArmBody)[name] : undefined),
    body,
  );

/** Bound to a region or to other VMs, so never carried over. */
const PLACEMENTS = [
  ['availabilitySet', 'an availability set'],
  ['proximityPlacementGroup', 'a proximity placement group'],
  ['virtualMachineScaleSet', 'a scale set'],
  ['host', 'a dedicated host'],
  ['hostGroup', 'a dedicated host group'],
  ['capacityReservation', 'a capacity reservation'],
] as const;

/** What the reader must know about the VM itself; refuses what cannot start from its disks alone. */
export const warnAboutVm = (
  point: RestorePoint,
  source: 'primary' | 'replica',
  notes: PlanNotes,
): { readonly managedBootDiagnostics: boolean } => {
  const { configuration } = point;
  const name = configuration.name;
  const securityType = fieldOf(configuration.securityProfile, 'securityType');
  if (securityType === 'ConfidentialVM') {
    notes.refuse(
      'SecurityTypeNotSupported',
      `${name} is a confidential VM: it cannot start without its guest state, which is not part of a point.`,
      name,
    );
  }
  if (securityType === 'TrustedLaunch') {
    notes.warn(
      'GuestStateLost',
      `${name} uses Trusted Launch. Its guest state (vTPM) is not in its disks: keys sealed in it, such ` +
        'as those of disk encryption inside the guest, are lost. Have recovery keys at hand.',
      name,
    );
  }
  if (point.verdict?.achieved === 'crash' || point.verdict?.achieved === 'uncoordinated') {
    notes.warn(
      'WeakConsistency',
      `The point is ${point.verdict.achieved}: file systems and databases recover as after a power cut` +
        `${point.verdict.achieved === 'uncoordinated' ? ', and its disks are of different moments' : ''}.`,
      point.pointId,
    );
  }
  notes.warn(
    'SameHostname',
    'The restored VM starts at once with the host name and the settings of the original. Keep the two ' +
      'apart while the original runs.',
    name,
  );
  if (String(fieldOf(configuration.identity, 'type') ?? '').includes('SystemAssigned')) {
    notes.warn(
      'IdentityIsNew',
      'The restored VM gets a new system-assigned identity: its role assignments must be made again.',
      name,
    );
  }
  if (configuration.extensions.length > 0) {
    const names = configuration.extensions.map((one) => String(fieldOf(one, 'name') ?? 'unnamed'));
    notes.warn(
      'ExtensionsNotReinstalled',
      `Extensions are not installed again: ${names.join(', ')}. Their settings are in the point.`,
      name,
    );
  }
  for (const [field, words] of PLACEMENTS) {
    if (fieldOf(configuration.raw.vm, 'properties', field, 'id') === undefined) continue;
    notes.warn(
      'PlacementNotCarriedOver',
      `${name} was in ${words}; the restored VM is not.`,
      String(fieldOf(configuration.raw.vm, 'properties', field, 'id')),
    );
  }
  const storageUri = fieldOf(configuration.diagnosticsProfile, 'bootDiagnostics', 'storageUri');
  const managedBootDiagnostics = source === 'replica' && typeof storageUri === 'string';
  if (managedBootDiagnostics) {
    notes.warn(
      'BootDiagnosticsMoved',
      'Boot diagnostics went to an account of the first region; the restored VM uses the platform’s own.',
      name,
    );
  }
  return { managedBootDiagnostics };
};
