import {
  grantAccess,
  isOpen,
  readAccessRequest,
  refuseDeletionWhileGranted,
  refuseIfExportDenied,
  revokeAccess,
} from './access-grants.ts';
import { ArmError, operationNotAllowed } from './arm-error.ts';
import type { ArmCall, ArmReply, ArmRoute } from './arm-router.ts';
import { type ArmState, type DiskContent, drawLatencyMs, type OpenGrant } from './arm-state.ts';
import { showDisk } from './disk-body.ts';
import { changeDisk, putDisk } from './disk-put.ts';
import { createReadRoutes } from './list-routes.ts';
import { idKey } from './resource-id.ts';
import type { ArmResource } from './resource-store.ts';
import { acceptOperation, callId, refuseIfLocked, requireResource } from './start-operation.ts';
import { requireGroup } from './subscription-routes.ts';
import { endUpload } from './upload-footer.ts';

const diskType = 'Microsoft.Compute/disks';

function deleteDisk(state: ArmState, call: ArmCall): ArmReply {
  requireGroup(state, call.params['resourceGroup'] ?? '');
  const id = callId(state, call, diskType);
  const disk = state.resources.get(id);
  if (disk === undefined) return { status: 204 };
  refuseIfLocked(state, disk.id);
  const vmId = disk.envelope['managedBy'];
  if (typeof vmId === 'string') {
    throw operationNotAllowed(`Disk ${disk.name} is attached to VM ${vmId}.`);
  }
  const content = state.disks.get(idKey(id));
  refuseDeletionWhileGranted(state, disk, 'disk', content?.grant);
  const accepted = acceptOperation(state, call, {
    kind: 'DiskOperations',
    region: disk.region,
    withLocation: true,
    async work(wait) {
      await wait(drawLatencyMs(state, state.settings.operationLatencyMs));
      state.resources.remove(id);
      state.disks.delete(idKey(id));
      return {};
    },
  });
  return { status: 202, headers: accepted.headers };
}

function openDiskGrant(
  state: ArmState,
  disk: ArmResource,
  content: DiskContent,
  access: 'Read' | 'Write',
  durationSeconds: number,
): OpenGrant {
  const known = content.grant;
  if (known !== undefined && known.access === access && isOpen(state, known)) return known;
  const { region, id: resourceId } = disk;
  const made =
    access === 'Write'
      ? state.exports.grantWrite({ region, resourceId, store: content.store, durationSeconds })
      : state.exports.grantRead({
          region,
          resourceId,
          image: content.store.snapshot(),
          familyId: content.uniqueId,
          durationSeconds,
          isSnapshot: false,
        });
  const grant: OpenGrant = { ...made, access };
  content.grant = grant;
  if (access === 'Write') content.upload = 'active';
  return grant;
}

function beginDiskAccess(state: ArmState, call: ArmCall): ArmReply {
  const disk = requireResource(state, call, diskType);
  const content = state.disks.get(idKey(disk.id));
  if (content === undefined) throw new Error(`disk ${disk.id} has no content`);
  const { access, durationSeconds } = readAccessRequest(call);
  if (access === 'Write' && content.upload === 'none') {
    throw operationNotAllowed(
      `Write access is not permitted for disk ${disk.name}: it was not created for upload, or its upload has ended.`,
    );
  }
  if (access === 'Read') {
    if (content.upload !== 'none') {
      throw operationNotAllowed(
        `Read access is not permitted for disk ${disk.name} before its upload has ended.`,
      );
    }
    refuseIfExportDenied(disk);
    const vmId = disk.envelope['managedBy'];
    const power = typeof vmId === 'string' ? state.vms.get(idKey(vmId))?.power : undefined;
    if (power !== undefined && power !== 'deallocated') {
      throw new ArmError(
        409,
        'Conflict',
        `Access not permitted because disk ${disk.name} is currently attached to running VM ${String(vmId)}.`,
      );
    }
  }
  return grantAccess(state, call, disk, () =>
    openDiskGrant(state, disk, content, access, durationSeconds),
  );
}

function endDiskAccess(state: ArmState, call: ArmCall): ArmReply {
  const disk = requireResource(state, call, diskType);
  const content = state.disks.get(idKey(disk.id));
  return revokeAccess(state, call, disk, () => {
    if (content?.grant === undefined) return;
    if (content.upload === 'active') {
      endUpload(content.store);
      content.upload = 'none';
    }
    state.exports.revoke(content.grant.grantId);
    content.grant = undefined;
  });
}

/** Microsoft.Compute/disks. */
export function createDiskRoutes(state: ArmState): readonly ArmRoute[] {
  const one = `{rg}/providers/${diskType}/:name`;
  const common = { family: 'disk', type: 'disks' } as const;
  return [
    ...createReadRoutes(state, {
      type: diskType,
      family: 'disk',
      group: 'disks',
      listByGroup: 'listByResourceGroup',
      listAll: 'list',
      show: (disk) => showDisk(state, disk),
    }),
    {
      ...common,
      method: 'PUT',
      path: one,
      operation: 'disks.createOrUpdate',
      handle: (call) => putDisk(state, call),
    },
    {
      ...common,
      method: 'PATCH',
      path: one,
      operation: 'disks.update',
      handle: (call) => changeDisk(state, call, requireResource(state, call, diskType), false),
    },
    {
      ...common,
      method: 'DELETE',
      path: one,
      operation: 'disks.delete',
      handle: (call) => deleteDisk(state, call),
    },
    {
      ...common,
      method: 'POST',
      path: `${one}/beginGetAccess`,
      operation: 'disks.grantAccess',
      handle: (call) => beginDiskAccess(state, call),
    },
    {
      ...common,
      method: 'POST',
      path: `${one}/endGetAccess`,
      operation: 'disks.revokeAccess',
      handle: (call) => endDiskAccess(state, call),
    },
  ];
}
