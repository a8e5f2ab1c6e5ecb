import {
  grantAccess,
  isOpen,
  readAccessRequest,
  refuseDeletionWhileGranted,
  refuseIfExportDenied,
  refuseIfFamilyIsFull,
  revokeAccess,
} from './access-grants.ts';
import { invalidParameter, operationNotAllowed } from './arm-error.ts';
import type { ArmCall, ArmReply, ArmRoute } from './arm-router.ts';
import { type ArmState, drawLatencyMs } from './arm-state.ts';
import { showSnapshot } from './disk-body.ts';
import { objectAt } from './json.ts';
import { createReadRoutes } from './list-routes.ts';
import { idKey } from './resource-id.ts';
import { putSnapshot } from './snapshot-put.ts';
import { acceptOperation, callId, refuseIfLocked, requireResource } from './start-operation.ts';
import { readTags, requireGroup } from './subscription-routes.ts';

const snapshotType = 'Microsoft.Compute/snapshots';

function deleteSnapshot(state: ArmState, call: ArmCall): ArmReply {
  requireGroup(state, call.params['resourceGroup'] ?? '');
  const id = callId(state, call, snapshotType);
  const snapshot = state.resources.get(id);
  if (snapshot === undefined) return { status: 204 };
  refuseIfLocked(state, snapshot.id);
  refuseDeletionWhileGranted(state, snapshot, 'snapshot', state.snapshots.get(idKey(id))?.grant);
  const accepted = acceptOperation(state, call, {
    kind: 'DiskOperations',
    region: snapshot.region,
    withLocation: true,
    async work(wait) {
      await wait(drawLatencyMs(state, state.settings.operationLatencyMs));
      state.resources.remove(id);
      state.snapshots.delete(idKey(id));
      return {};
    },
  });
  return { status: 202, headers: accepted.headers };
}

function updateSnapshot(state: ArmState, call: ArmCall): ArmReply {
  const snapshot = requireResource(state, call, snapshotType);
  const tags = readTags(call.body['tags']);
  const properties = objectAt(call.body, 'properties');
  const accepted = acceptOperation(state, call, {
    kind: 'DiskOperations',
    region: snapshot.region,
    withLocation: true,
    retryAfterSeconds: 2,
    async work(wait) {
      await wait(drawLatencyMs(state, state.settings.operationLatencyMs));
      if (tags !== undefined) snapshot.tags = tags;
      for (const name of ['networkAccessPolicy', 'publicNetworkAccess', 'diskAccessId']) {
        if (properties[name] !== undefined) snapshot.properties[name] = properties[name];
      }
      const output = showSnapshot(state, snapshot);
      return { output, final: output };
    },
  });
  const body = showSnapshot(state, snapshot);
  return {
    status: 202,
    headers: accepted.headers,
    body: {
      location: body['location'],
      tags: tags ?? body['tags'],
      sku: body['sku'],
      properties: {
        ...objectAt(body, 'properties'),
        provisioningState: 'Updating',
        isArmResource: true,
      },
    },
  };
}

function beginSnapshotAccess(state: ArmState, call: ArmCall): ArmReply {
  const snapshot = requireResource(state, call, snapshotType);
  const content = state.snapshots.get(idKey(snapshot.id));
  const { access, durationSeconds } = readAccessRequest(call);
  if (access !== 'Read') throw invalidParameter('grantAccessData.access', access);
  refuseIfExportDenied(snapshot);
  const image = content?.image;
  const isReady = snapshot.properties['provisioningState'] === 'Succeeded';
  if (content === undefined || image === undefined || !isReady) {
    throw operationNotAllowed(
      `Access to snapshot ${snapshot.name} is not permitted while its provisioning state is ${String(snapshot.properties['provisioningState'])}.`,
    );
  }
  if (!isOpen(state, content.grant)) refuseIfFamilyIsFull(state, content.familyId);
  return grantAccess(state, call, snapshot, () => {
    // Asking again while a grant is open gives the same SAS, with its old expiry.
    if (content.grant !== undefined && isOpen(state, content.grant)) return content.grant;
    const made = state.exports.grantRead({
      region: snapshot.region,
      resourceId: snapshot.id,
      image,
      familyId: content.familyId,
      durationSeconds,
      isSnapshot: true,
    });
    content.grant = { ...made, access: 'Read' };
    return content.grant;
  });
}

function endSnapshotAccess(state: ArmState, call: ArmCall): ArmReply {
  const snapshot = requireResource(state, call, snapshotType);
  const content = state.snapshots.get(idKey(snapshot.id));
  return revokeAccess(state, call, snapshot, () => {
    if (content?.grant === undefined) return;
    state.exports.revoke(content.grant.grantId);
    content.grant = undefined;
  });
}

/** Microsoft.Compute/snapshots. */
export function createSnapshotRoutes(state: ArmState): readonly ArmRoute[] {
  const one = `{rg}/providers/${snapshotType}/:name`;
  const common = { family: 'disk', type: 'snapshots' } as const;
  return [
    ...createReadRoutes(state, {
      type: snapshotType,
      family: 'disk',
      group: 'snapshots',
      listByGroup: 'listByResourceGroup',
      listAll: 'list',
      show: (snapshot) => showSnapshot(state, snapshot),
    }),
    {
      ...common,
      method: 'PUT',
      path: one,
      operation: 'snapshots.createOrUpdate',
      handle: (call) => putSnapshot(state, call),
    },
    {
      ...common,
      method: 'PATCH',
      path: one,
      operation: 'snapshots.update',
      handle: (call) => updateSnapshot(state, call),
    },
    {
      ...common,
      method: 'DELETE',
      path: one,
      operation: 'snapshots.delete',
      handle: (call) => deleteSnapshot(state, call),
    },
    {
      ...common,
      method: 'POST',
      path: `${one}/beginGetAccess`,
      operation: 'snapshots.grantAccess',
      handle: (call) => beginSnapshotAccess(state, call),
    },
    {
      ...common,
      method: 'POST',
      path: `${one}/endGetAccess`,
      operation: 'snapshots.revokeAccess',
      handle: (call) => endSnapshotAccess(state, call),
    },
  ];
}
