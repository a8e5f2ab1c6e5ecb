import { diskKeyOf } from '../catalog/identifiers.ts';
import { PRIMARY_COPY } from '../catalog/point-copy.ts';
import type { RestorePoint } from '../catalog/restore-point.ts';
import type { ArmBody, CapturedDisk } from '../catalog/vm-configuration.ts';
import type { PlanNotes } from './plan-notes.ts';
import type { CopyFacts } from './restore-facts.ts';
import { DISK_NAME_PATTERN, nameOf } from './restore-names.ts';
import type { RestoreDiskStep, VerifyDiskStep } from './restore-plan.ts';
import type { RestoreRequest } from './restore-request.ts';

export interface DiskPlanInput {
  readonly request: RestoreRequest;
  readonly point: RestorePoint;
  readonly chosen: CopyFacts;
  /** Chosen id of each disk, by its index in the configuration. */
  readonly diskIds: readonly string[];
  readonly zones: readonly string[];
}

const lunWords = (lun: number): string => (lun < 0 ? 'OS disk' : `data disk LUN ${lun}`);
const mib = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MiB`;

const checkNames = ({ request, point, diskIds }: DiskPlanInput, notes: PlanNotes): void => {
  const known = new Set(point.configuration.disks.map((disk) => disk.name));
  for (const [name, wanted] of Object.entries(request.overrides?.diskNames ?? {})) {
    if (!known.has(name)) {
      notes.refuse(
        'DiskUnknown',
        `The point has no disk '${name}'; its disks are ${[...known].join(', ')}.`,
        `overrides.diskNames.${name}`,
      );
    }
    if (!DISK_NAME_PATTERN.test(wanted)) {
      notes.refuse(
        'NameInvalid',
        `'${wanted}' cannot name a disk: up to 80 letters, digits, '_' and '-'.`,
        `overrides.diskNames.${name}`,
      );
    }
  }
  const ids = diskIds.map((id) => id.toLowerCase());
  if (new Set(ids).size !== ids.length) {
    notes.refuse('NameInvalid', 'Two disks would have the same name.', 'overrides.diskNames');
  }
};

/** A disk lies in one zone with its VM, unless its SKU spans zones or it had none. */
const zonesOf = (disk: CapturedDisk, input: DiskPlanInput): readonly string[] => {
  if (disk.sku.endsWith('_ZRS')) return [];
  if (input.request.overrides?.zone !== undefined) return input.zones;
  return disk.zones.length > 0 ? input.zones : [];
};

const planEncryption = (
  disk: CapturedDisk,
  isPrimary: boolean,
  notes: PlanNotes,
): { readonly diskEncryptionSetId?: string } => {
  if (disk.diskEncryptionSetId === undefined) return {};
  // The set lies in the region of its disks, and so does its key (Azure's restrictions on
  // customer-managed keys for managed disks).
  if (isPrimary) return { diskEncryptionSetId: disk.diskEncryptionSetId };
  notes.warn(
    'EncryptionSetNotCarriedOver',
    `Disk ${disk.name} was encrypted with ${nameOf(disk.diskEncryptionSetId)}, which another region ` +
      'cannot use: the restored disk is encrypted with the platform’s key.',
    disk.diskEncryptionSetId,
  );
  return {};
};

/** Properties that a disk keeps and that the typed configuration leaves out. */
const KEPT_PROPERTIES = [
  'networkAccessPolicy',
  'publicNetworkAccess',
  'diskAccessId',
  'dataAccessAuthMode',
  'tier',
  'burstingEnabled',
  'optimizedForFrequentAttach',
  'supportsHibernation',
] as const;

const keptProperties = (
  disk: CapturedDisk,
  input: DiskPlanInput,
  isPrimary: boolean,
  notes: PlanNotes,
): ArmBody => {
  const bodies = input.point.configuration.raw.disks;
  const body = bodies.find(
    (one) => String(one['id'] ?? '').toLowerCase() === disk.diskId.toLowerCase(),
  );
  const properties = body?.['properties'];
  if (typeof properties !== 'object' || properties === null) return {};
  const kept: Record<string, unknown> = {};
  for (const name of KEPT_PROPERTIES) {
    const value = (properties as ArmBody)[name];
    if (value !== undefined) kept[name] = value;
  }
  if (isPrimary || kept['diskAccessId'] === undefined) return kept;
  const { diskAccessId, ...elsewhere } = kept;
  // A disk access lies in one region; without it nobody may export, rather than everybody.
  notes.warn(
    'DiskAccessNotCarriedOver',
    `Disk ${disk.name} was exported through ${nameOf(String(diskAccessId))}, which another region ` +
      'cannot use: the restored disk cannot be exported at all until you allow it.',
    disk.name,
  );
  return { ...elsewhere, networkAccessPolicy: 'DenyAll' };
};

/** Steps that prove the replica and make the disks. */
export const planDisks = (
  input: DiskPlanInput,
  notes: PlanNotes,
): { readonly verified: readonly VerifyDiskStep[]; readonly made: readonly RestoreDiskStep[] } => {
  const { request, point, chosen } = input;
  checkNames(input, notes);
  const isPrimary = chosen.copy === PRIMARY_COPY;
  const verify = !isPrimary && request.verify !== false;
  const verified: VerifyDiskStep[] = [];
  const made = point.configuration.disks.map((disk, index): RestoreDiskStep => {
    const diskKey =
      point.disks.find((one) => one.lun === disk.lun)?.diskKey ?? diskKeyOf(disk.diskId);
    const diskId = input.diskIds[index] ?? disk.diskId;
    const hasDigest =
      chosen.manifest?.disks.find((one) => one.diskKey === diskKey)?.digest !== undefined;
    const mustBeVerified = verify && hasDigest;
    if (verify && !hasDigest) {
      notes.warn(
        'NothingToVerify',
        `The copy of disk ${disk.name} was made without a digest, so it cannot be verified.`,
        disk.name,
      );
    }
    if (!isPrimary && request.verify === false) {
      notes.warn('NotVerified', `Disk ${disk.name} is restored without verifying it.`, disk.name);
    }
    if (mustBeVerified) {
      verified.push({
        id: `verify-${diskKey}`,
        kind: 'verifyDisk',
        what: `Read the replica of ${lunWords(disk.lun)} (${disk.name}, ${mib(disk.sizeBytes)})`,
        reason: 'Its digest must equal the manifest’s before a disk is made of it',
        diskKey,
        target: chosen.copy,
        sizeBytes: disk.sizeBytes,
      });
    }
    return {
      id: `disk-${diskKey}`,
      kind: 'restoreDisk',
      what: `Make ${lunWords(disk.lun)} ${nameOf(diskId)} (${disk.sku}, ${mib(disk.sizeBytes)})`,
      reason: isPrimary
        ? 'From its snapshot in the same region'
        : 'From its sealed blob snapshot: copied to a scratch page blob, then imported',
      diskKey,
      lun: disk.lun,
      sizeBytes: disk.sizeBytes,
      diskId,
      zones: zonesOf(disk, input),
      mustBeVerified,
      ...planEncryption(disk, isPrimary, notes),
      moreProperties: keptProperties(disk, input, isPrimary, notes),
    };
  });
  return { verified, made };
};
