import { ArmError, invalidParameter, requiredParameter, sourceNotFound } from './arm-error.ts';
import type { ArmCall, ArmReply } from './arm-router.ts';
import {
  type ArmState,
  type DiskContent,
  drawLatencyMs,
  type SnapshotContent,
  type SnapshotRecord,
} from './arm-state.ts';
import { showSnapshot, skuBody, toSizeGb } from './disk-body.ts';
import { checkName, readSku } from './disk-put.ts';
import { type JsonObject, objectAt, stringAt, valueAt } from './json.ts';
import { idKey } from './resource-id.ts';
import type { ArmResource } from './resource-store.ts';
import { acceptOperation, callId, refuseOtherRegion } from './start-operation.ts';
import { readRegion, readTags, requireGroup } from './subscription-routes.ts';

const snapshotType = 'Microsoft.Compute/snapshots';
const fiveMinutesMs = 5 * 60_000;

function acceptedBody(call: ArmCall, sourceUniqueId: string): JsonObject {
  const properties = objectAt(call.body, 'properties');
  return {
    location: call.body['location'],
    tags: call.body['tags'] ?? {},
    ...(call.body['sku'] === undefined ? {} : { sku: call.body['sku'] }),
    properties: {
      ...properties,
      creationData: { ...objectAt(properties, 'creationData'), sourceUniqueId },
      provisioningState: 'Updating',
      isArmResource: true,
    },
  };
}

/**
 * Creating a snapshot is also checked for `disks/beginGetAccess/action` on the source
 * (Azure/OpenShift#186).
 */
function refuseWithoutRightOnSource(state: ArmState, call: ArmCall, source: ArmResource): void {
  const isDenied = state.denials.some(
    (denial) =>
      denial.identity === call.identityName &&
      new RegExp(`^(?:${denial.operation})$`).test('disks.grantAccess') &&
      (denial.pathPattern === undefined || new RegExp(denial.pathPattern, 'i').test(source.id)),
  );
  if (!isDenied) return;
  throw new ArmError(
    403,
    'LinkedAuthorizationFailed',
    `The client '${call.identityName}' has permission to perform action 'Microsoft.Compute/snapshots/write' on scope '${call.path}'; however, it does not have permission to perform action 'Microsoft.Compute/disks/beginGetAccess/action' on the linked scope(s) '${source.id}' or the linked scope(s) are invalid.`,
  );
}

/**
 * Both limits are documented (restrictions of incremental snapshots: 500 per disk, 7 per disk in 5
 * minutes). The code of the first was seen in public (Azure/azure-sdk-for-python#14282): a snapshot
 * in provisioningState Failed stays behind. For the second none is published.
 */
function overLimit(state: ArmState, diskId: string, disk: DiskContent): ArmError | undefined {
  const { maxIncrementalSnapshots, maxIncrementalSnapshotsPer5Min } = state.settings;
  const kept = state.resources
    .list(snapshotType)
    .filter(
      (snapshot) =>
        valueAt(snapshot.properties, 'incremental') === true &&
        state.snapshots.get(idKey(snapshot.id))?.diskId === idKey(diskId),
    );
  if (maxIncrementalSnapshots > 0 && kept.length >= maxIncrementalSnapshots) {
    return new ArmError(
      409,
      'SnapshotLimitReached',
      'The snapshot count was exceeded for a disk. Please delete a snapshot before creating another one.',
    );
  }
  const recent = disk.snapshotTimesMs.filter((timeMs) => timeMs > Date.now() - fiveMinutesMs);
  if (maxIncrementalSnapshotsPer5Min > 0 && recent.length >= maxIncrementalSnapshotsPer5Min) {
    return new ArmError(
      409,
      'SnapshotsLimitReached',
      'The snapshot count was exceeded for a disk. Please retry the request after sometime',
    );
  }
  return undefined;
}

/** A PUT over an existing snapshot: same source is accepted again and keeps the old content. */
function putAgain(
  state: ArmState,
  call: ArmCall,
  existing: ArmResource,
  sourceId: string,
): ArmReply {
  const knownSource = stringAt(existing.properties, 'creationData', 'sourceResourceId') ?? '';
  if (idKey(knownSource) !== idKey(sourceId)) {
    throw new ArmError(
      400,
      'BadRequest',
      `Changing property 'sourceUri' is not allowed for existing disk '${existing.name}'.`,
    );
  }
  const tags = readTags(call.body['tags']);
  const accepted = acceptOperation(state, call, {
    kind: 'DiskOperations',
    region: existing.region,
    withLocation: true,
    retryAfterSeconds: 2,
    async work(wait) {
      await wait(drawLatencyMs(state, state.settings.operationLatencyMs));
      existing.tags = tags;
      const output = showSnapshot(state, existing);
      return { output, final: output };
    },
  });
  const uniqueId = stringAt(existing.properties, 'creationData', 'sourceUniqueId') ?? '';
  return { status: 202, headers: accepted.headers, body: acceptedBody(call, uniqueId) };
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** PUT of a snapshot of a disk. Its instant is a seeded random moment before its operation ends. */
export function putSnapshot(state: ArmState, call: ArmCall): ArmReply {
  const group = requireGroup(state, call.params['resourceGroup'] ?? '');
  const name = call.params['name'] ?? '';
  checkName(name, 'snapshotName');
  const region = readRegion(state, call.body);
  const properties = objectAt(call.body, 'properties');
  const createOption = stringAt(properties, 'creationData', 'createOption');
  if (createOption === undefined) throw requiredParameter('snapshot.creationData.createOption');
  if (createOption !== 'Copy') {
    throw invalidParameter('snapshot.creationData.createOption', createOption);
  }
  const sourceId = stringAt(properties, 'creationData', 'sourceResourceId');
  if (sourceId === undefined) throw requiredParameter('sourceUri');
  const sku = readSku(call, 'snapshot', 'Standard_ZRS');
  const tags = readTags(call.body['tags']);
  const id = callId(state, call, snapshotType);
  const existing = state.resources.get(id);
  refuseOtherRegion(existing, region);
  if (existing !== undefined) return putAgain(state, call, existing, sourceId);

  const source = state.resources.get(sourceId);
  const disk = state.disks.get(idKey(sourceId));
  if (source === undefined || disk === undefined || source.region !== region) {
    throw sourceNotFound(sourceId);
  }
  refuseWithoutRightOnSource(state, call, source);
  if (disk.upload !== 'none') {
    throw new ArmError(
      409,
      'OperationNotAllowed',
      `Disk ${source.name} cannot be snapshotted before its upload has ended.`,
    );
  }
  const incremental = valueAt(properties, 'incremental') === true;
  const limit = incremental ? overLimit(state, sourceId, disk) : undefined;
  if (incremental && limit === undefined) disk.snapshotTimesMs.push(Date.now());

  const uniqueId = state.random.uuid();
  const content: SnapshotContent = {
    uniqueId,
    diskId: idKey(sourceId),
    familyId: incremental ? disk.familyId : uniqueId,
    image: undefined,
    instantMs: undefined,
    grant: undefined,
  };
  const inherited: JsonObject = {};
  for (const property of [
    'osType',
    'hyperVGeneration',
    'securityProfile',
    'supportedCapabilities',
  ]) {
    if (source.properties[property] !== undefined)
      inherited[property] = source.properties[property];
  }
  const snapshot: ArmResource = {
    id,
    name,
    type: snapshotType,
    resourceGroup: group.name,
    region,
    tags,
    envelope: { sku: skuBody(sku) },
    properties: {
      ...inherited,
      encryption: { type: 'EncryptionAtRestWithPlatformKey' },
      networkAccessPolicy: 'AllowAll',
      publicNetworkAccess: 'Enabled',
      ...properties,
      creationData: {
        createOption,
        sourceResourceId: sourceId,
        sourceUniqueId: disk.uniqueId,
      },
      incremental,
      ...(incremental ? { incrementalSnapshotFamilyId: disk.familyId } : {}),
      diskSizeGB: toSizeGb(disk.store.sizeBytes),
      diskSizeBytes: disk.store.sizeBytes,
      timeCreated: new Date().toISOString(),
      provisioningState: 'Updating',
      snapshotAccessState: 'Pending',
      uniqueId,
    },
  };
  state.resources.put(snapshot);
  state.snapshots.set(idKey(id), content);

  const record: SnapshotRecord = {
    snapshotId: id,
    diskId: source.id,
    acceptedMs: nowMs(),
    instantMs: undefined,
    endedMs: undefined,
    outcome: undefined,
  };
  state.snapshotRecords.push(record);
  const latencyMs = drawLatencyMs(state, state.settings.snapshotLatencyMs);
  const instantAfterMs = latencyMs * state.random.next();
  const accepted = acceptOperation(state, call, {
    kind: 'DiskOperations',
    region,
    withLocation: true,
    retryAfterSeconds: 2,
    async work(wait) {
      if (limit !== undefined) throw limit;
      await wait(instantAfterMs);
      content.image = disk.store.snapshot();
      content.instantMs = nowMs();
      record.instantMs = content.instantMs;
      const sizeBytes = content.image.sizeBytes;
      await wait(latencyMs - instantAfterMs);
      snapshot.properties = {
        ...snapshot.properties,
        diskSizeGB: toSizeGb(sizeBytes),
        diskSizeBytes: sizeBytes,
        provisioningState: 'Succeeded',
        snapshotAccessState: 'Available',
        ...(incremental ? { completionPercent: 100 } : {}),
      };
      record.endedMs = nowMs();
      record.outcome = 'Succeeded';
      const output = showSnapshot(state, snapshot);
      return { output, final: output };
    },
    onFailure: () => {
      record.endedMs = nowMs();
      record.outcome = 'Failed';
      content.image = undefined;
      snapshot.properties = { ...snapshot.properties, provisioningState: 'Failed' };
    },
  });
  return { status: 202, headers: accepted.headers, body: acceptedBody(call, disk.uniqueId) };
}
