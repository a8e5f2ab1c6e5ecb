import { ArmError, invalidParameter } from './arm-error.ts';
import type { ArmCall, ArmReply } from './arm-router.ts';
import { type ArmState, drawLatencyMs } from './arm-state.ts';
import { growTo, isSku, showDisk, skuBody } from './disk-body.ts';
import { readDiskSource } from './disk-source.ts';
import { arrayAt, copyOf, type JsonObject, numberAt, objectAt, stringAt } from './json.ts';
import { placeDisk } from './place-disk.ts';
import { idKey } from './resource-id.ts';
import type { ArmResource } from './resource-store.ts';
import { acceptOperation, callId, refuseOtherRegion } from './start-operation.ts';
import { readRegion, readTags, requireGroup } from './subscription-routes.ts';

const diskType = 'Microsoft.Compute/disks';
/** Documented for disks and snapshots: letters, digits, `_` and `-`, up to 80 characters. */
const namePattern = /^[A-Za-z0-9_-]{1,80}$/;

export function checkName(name: string, parameter: string): void {
  if (!namePattern.test(name)) throw invalidParameter(parameter, name);
}

export function readSku(call: ArmCall, kind: 'disk' | 'snapshot', byDefault: string): string {
  const sku = stringAt(call.body, 'sku', 'name') ?? byDefault;
  if (!isSku(kind, sku)) throw invalidParameter('sku.name', sku);
  return sku;
}

/** The partial body of a 202: what was asked for, without id and type. */
function acceptedBody(call: ArmCall, name: string, sourceUniqueId: string | undefined): JsonObject {
  const properties = objectAt(call.body, 'properties');
  return {
    name,
    location: call.body['location'],
    tags: call.body['tags'] ?? {},
    ...(call.body['sku'] === undefined ? {} : { sku: call.body['sku'] }),
    properties: {
      ...properties,
      creationData: {
        ...objectAt(properties, 'creationData'),
        ...(sourceUniqueId === undefined ? {} : { sourceUniqueId }),
      },
      provisioningState: 'Updating',
      isArmResource: true,
    },
  };
}

function updateDisk(state: ArmState, call: ArmCall, existing: ArmResource): ArmReply {
  const given = objectAt(call.body, 'properties', 'creationData');
  const known = objectAt(existing.properties, 'creationData');
  const changed = ['createOption', 'sourceResourceId', 'sourceUri', 'uploadSizeBytes'].find(
    (name) => given[name] !== undefined && String(given[name]) !== String(known[name]),
  );
  if (changed !== undefined) {
    const property = changed.startsWith('source') ? 'sourceUri' : changed;
    throw new ArmError(
      409,
      'PropertyChangeNotAllowed',
      `Changing property '${property}' is not allowed for existing disk '${existing.name}'.`,
      { target: property },
    );
  }
  return changeDisk(state, call, existing, true);
}

/** PATCH, and PUT over an existing disk: tags, sku, size, network access. */
export function changeDisk(
  state: ArmState,
  call: ArmCall,
  disk: ArmResource,
  replaceTags: boolean,
): ArmReply {
  const content = state.disks.get(idKey(disk.id));
  const tags = readTags(call.body['tags']);
  const sku = readSku(call, 'disk', stringAt(disk.envelope, 'sku', 'name') ?? 'Standard_LRS');
  const properties = objectAt(call.body, 'properties');
  const sizeGb = numberAt(properties, 'diskSizeGB');
  disk.properties = { ...disk.properties, provisioningState: 'Updating' };
  const accepted = acceptOperation(state, call, {
    kind: 'DiskOperations',
    region: disk.region,
    withLocation: true,
    retryAfterSeconds: 2,
    async work(wait) {
      await wait(drawLatencyMs(state, state.settings.operationLatencyMs));
      if (content !== undefined && content.upload === 'none' && sizeGb !== undefined) {
        const sizeBytes = growTo(content.store.sizeBytes, sizeGb);
        if (sizeBytes === undefined) {
          throw new ArmError(409, 'InvalidParameter', 'Disks or snapshot cannot be resized down.');
        }
        if (sizeBytes !== content.store.sizeBytes) content.store.resize(sizeBytes);
      }
      if (tags !== undefined || replaceTags) disk.tags = tags;
      disk.envelope = { ...disk.envelope, sku: skuBody(sku) };
      for (const name of ['networkAccessPolicy', 'publicNetworkAccess', 'diskAccessId', 'osType']) {
        if (properties[name] !== undefined) disk.properties[name] = properties[name];
      }
      disk.properties = { ...disk.properties, provisioningState: 'Succeeded' };
      const output = showDisk(state, disk);
      return { output, final: output };
    },
    onFailure: () => {
      disk.properties = { ...disk.properties, provisioningState: 'Succeeded' };
    },
  });
  return {
    status: 202,
    headers: accepted.headers,
    body: acceptedBody(call, disk.name, undefined),
  };
}

/** PUT of a disk: Empty, Copy, Import or Upload. */
export function putDisk(state: ArmState, call: ArmCall): ArmReply {
  const group = requireGroup(state, call.params['resourceGroup'] ?? '');
  const name = call.params['name'] ?? '';
  checkName(name, 'diskName');
  const region = readRegion(state, call.body);
  const existing = state.resources.get(callId(state, call, diskType));
  refuseOtherRegion(existing, region);
  const properties = objectAt(call.body, 'properties');
  const isFailed = stringAt(existing?.properties, 'provisioningState') === 'Failed';
  if (existing !== undefined && !isFailed) return updateDisk(state, call, existing);
  const source = readDiskSource(state, properties, region);
  const zones = arrayAt(call.body, 'zones').filter((zone) => typeof zone === 'string');
  const given = copyOf(properties);
  delete given['diskSizeGB'];
  const { resource, content } = placeDisk(state, {
    resourceGroup: group.name,
    name,
    region,
    sku: readSku(call, 'disk', 'Standard_LRS'),
    tags: readTags(call.body['tags']),
    zones: zones.length === 0 ? undefined : zones,
    properties: {
      ...source.inherited,
      ...given,
      creationData: {
        ...objectAt(properties, 'creationData'),
        ...(source.sourceUniqueId === undefined ? {} : { sourceUniqueId: source.sourceUniqueId }),
      },
    },
    provisioningState: 'Updating',
    store: source.image?.fork() ?? state.createStore(source.sizeBytes),
    upload: source.isUpload ? 'ready' : 'none',
  });
  if (content.store.sizeBytes !== source.sizeBytes) content.store.resize(source.sizeBytes);
  const accepted = acceptOperation(state, call, {
    kind: 'DiskOperations',
    region,
    withLocation: true,
    retryAfterSeconds: 2,
    async work(wait) {
      await wait(drawLatencyMs(state, state.settings.operationLatencyMs));
      if (source.failure !== undefined) throw source.failure;
      resource.properties = { ...resource.properties, provisioningState: 'Succeeded' };
      const output = showDisk(state, resource);
      return { output, final: output };
    },
    onFailure: () => {
      resource.properties = { ...resource.properties, provisioningState: 'Failed' };
    },
  });
  return {
    status: 202,
    headers: accepted.headers,
    body: acceptedBody(call, name, source.sourceUniqueId),
  };
}
