import type { PageImage } from '../contracts.ts';
import { ArmError, invalidParameter, requiredParameter, sourceNotFound } from './arm-error.ts';
import type { ArmState } from './arm-state.ts';
import { gibibyte, growTo } from './disk-body.ts';
import { type JsonObject, numberAt, stringAt } from './json.ts';
import { idKey } from './resource-id.ts';

/** Smallest and largest `uploadSizeBytes` as documented on the property: 20 MiB and 32 TiB, plus 512. */
const minUploadBytes = 20_972_032;
const maxUploadBytes = 35_183_298_347_520;
const mebibyte = 1024 ** 2;

/** Where the content of a new disk comes from. */
export interface DiskSource {
  readonly sizeBytes: number;
  readonly image: PageImage | undefined;
  readonly sourceUniqueId?: string;
  /** Set when the operation is accepted and then fails. */
  readonly failure?: ArmError;
  readonly isUpload: boolean;
  /** Properties that a copy takes over from its source when the request has none of its own. */
  readonly inherited: JsonObject;
}

const cannotShrink = () =>
  new ArmError(409, 'InvalidParameter', 'Disks or snapshot cannot be resized down.');

function copySource(
  state: ArmState,
  id: string,
  region: string,
  sizeGb: number | undefined,
): DiskSource {
  const source = state.resources.get(id);
  if (source === undefined || source.region !== region) throw sourceNotFound(id);
  const key = idKey(id);
  const snapshot = state.snapshots.get(key);
  const disk = state.disks.get(key);
  const image = snapshot?.image ?? disk?.store.snapshot();
  if (image === undefined) {
    throw new ArmError(
      409,
      'OperationNotAllowed',
      `Resource ${source.name} cannot be copied: its provisioning state is ${stringAt(source.properties, 'provisioningState') ?? 'unknown'}.`,
    );
  }
  const inherited: JsonObject = {};
  for (const name of ['osType', 'hyperVGeneration', 'securityProfile', 'supportedCapabilities']) {
    if (source.properties[name] !== undefined) inherited[name] = source.properties[name];
  }
  const sizeBytes = growTo(image.sizeBytes, sizeGb);
  const uniqueId = snapshot?.uniqueId ?? disk?.uniqueId;
  return {
    sizeBytes: sizeBytes ?? image.sizeBytes,
    image,
    ...(uniqueId === undefined ? {} : { sourceUniqueId: uniqueId }),
    ...(sizeBytes === undefined ? { failure: cannotShrink() } : {}),
    isUpload: false,
    inherited,
  };
}

/** A copy takes the security type of its source; asking for one is refused (Azure/azure-powershell#24253). */
function refuseSecurityOnCopy(properties: JsonObject): void {
  const asked = stringAt(properties, 'securityProfile', 'securityType');
  if (asked === undefined) return;
  throw new ArmError(
    400,
    'InvalidParameter',
    `Security Type '${asked}' is not supported for CreateOption 'Copy'.`,
    { target: 'securityProfile.securityType' },
  );
}

function importSource(
  state: ArmState,
  creationData: JsonObject,
  region: string,
  sizeGb: number | undefined,
): DiskSource {
  const uri = stringAt(creationData, 'sourceUri');
  if (uri === undefined) throw requiredParameter('disk.creationData.sourceUri');
  const accountId = stringAt(creationData, 'storageAccountId');
  if (accountId === undefined) throw requiredParameter('disk.creationData.storageAccountId');
  if (state.resources.get(accountId) === undefined) throw sourceNotFound(accountId);
  const read = state.storage.readPageBlobForImport(uri, region);
  if ('problem' in read) {
    return {
      sizeBytes: mebibyte,
      image: undefined,
      failure: new ArmError(409, 'InvalidParameter', read.problem),
      isUpload: false,
      inherited: {},
    };
  }
  const sizeBytes = growTo(read.image.sizeBytes, sizeGb);
  return {
    sizeBytes: sizeBytes ?? read.image.sizeBytes,
    image: read.image,
    ...(sizeBytes === undefined ? { failure: cannotShrink() } : {}),
    isUpload: false,
    inherited: {},
  };
}

/** Judges `creationData`; a refusal of the PUT itself is thrown, a later failure is in `failure`. */
export function readDiskSource(
  state: ArmState,
  properties: JsonObject,
  region: string,
): DiskSource {
  const creationData = properties['creationData'];
  const createOption = stringAt(creationData, 'createOption');
  if (createOption === undefined) throw requiredParameter('disk.creationData.createOption');
  const sizeGb = numberAt(properties, 'diskSizeGB');
  if (sizeGb !== undefined && !(Number.isInteger(sizeGb) && sizeGb >= 1 && sizeGb <= 65_536)) {
    throw invalidParameter('disk.diskSizeGB', sizeGb);
  }
  const data = creationData as JsonObject;
  switch (createOption) {
    case 'Empty':
      if (sizeGb === undefined) throw requiredParameter('disk.diskSizeGB');
      return { sizeBytes: sizeGb * gibibyte, image: undefined, isUpload: false, inherited: {} };
    case 'Copy': {
      const id = stringAt(data, 'sourceResourceId');
      if (id === undefined) throw requiredParameter('sourceResourceId');
      refuseSecurityOnCopy(properties);
      return copySource(state, id, region, sizeGb);
    }
    case 'Import':
      return importSource(state, data, region, sizeGb);
    case 'Upload': {
      const bytes = numberAt(data, 'uploadSizeBytes');
      if (bytes === undefined) throw requiredParameter('disk.creationData.uploadSizeBytes');
      const isValid =
        bytes >= minUploadBytes && bytes <= maxUploadBytes && (bytes - 512) % mebibyte === 0;
      if (!isValid) throw invalidParameter('disk.creationData.uploadSizeBytes', bytes);
      return { sizeBytes: bytes, image: undefined, isUpload: true, inherited: {} };
    }
    default:
      throw invalidParameter('disk.creationData.createOption', createOption);
  }
}
