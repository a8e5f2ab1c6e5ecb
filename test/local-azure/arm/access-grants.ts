import { ArmError, invalidParameter, operationNotAllowed, requiredParameter } from './arm-error.ts';
import type { ArmCall, ArmReply } from './arm-router.ts';
import { type ArmState, drawLatencyMs, type OpenGrant } from './arm-state.ts';
import { numberAt, stringAt } from './json.ts';
import type { OperationResult } from './long-running-operations.ts';
import type { ArmResource } from './resource-store.ts';
import { acceptOperation } from './start-operation.ts';

/** Disk SAS longer than 60 days is refused (Azure/azure-cli#29431). */
const maxDurationSeconds = 60 * 24 * 3600;
/** SAS at the same time within one family (documented restriction of incremental snapshots). */
const maxGrantsPerFamily = 5;

export function isOpen(state: ArmState, grant: OpenGrant | undefined): boolean {
  return (
    grant !== undefined && state.exports.open().some((known) => known.grantId === grant.grantId)
  );
}

export interface AccessRequest {
  readonly access: 'Read' | 'Write';
  readonly durationSeconds: number;
}

/** The body of beginGetAccess, checked. */
export function readAccessRequest(call: ArmCall): AccessRequest {
  const access = stringAt(call.body, 'access');
  if (access === undefined) throw requiredParameter('grantAccessData.access');
  if (access !== 'Read' && access !== 'Write') {
    throw invalidParameter('grantAccessData.access', access);
  }
  const durationSeconds = numberAt(call.body, 'durationInSeconds');
  if (durationSeconds === undefined) throw requiredParameter('grantAccessData.durationInSeconds');
  const isValid =
    Number.isInteger(durationSeconds) &&
    durationSeconds > 0 &&
    durationSeconds <= maxDurationSeconds;
  if (!isValid) throw invalidParameter('grantAccessData.durationInSeconds', durationSeconds);
  return { access, durationSeconds };
}

/**
 * `networkAccessPolicy: DenyAll` means that the disk or snapshot cannot be exported, and
 * `publicNetworkAccess: Disabled` forbids public SAS even with AllowAll (documented on the
 * properties; the text of the refusal is not published).
 */
export function refuseIfExportDenied(resource: ArmResource): void {
  const policy = stringAt(resource.properties, 'networkAccessPolicy');
  const publicAccess = stringAt(resource.properties, 'publicNetworkAccess');
  if (policy === 'DenyAll' || publicAccess === 'Disabled') {
    throw operationNotAllowed(
      `Access to ${resource.name} is not permitted: its network access policy is ${policy ?? 'AllowAll'} and its public network access is ${publicAccess ?? 'Enabled'}.`,
    );
  }
}

/** The text of this refusal is not published; the limit is. */
export function refuseIfFamilyIsFull(state: ArmState, familyId: string): void {
  const open = [...state.snapshots.values()].filter(
    (snapshot) => snapshot.familyId === familyId && isOpen(state, snapshot.grant),
  );
  if (open.length >= maxGrantsPerFamily) {
    throw operationNotAllowed(
      `There are active shared access signatures outstanding for ${open.length} snapshots of the incremental snapshot family ${familyId}. Call EndGetAccess on one of them first.`,
    );
  }
}

function changeAccess(
  state: ArmState,
  call: ArmCall,
  resource: ArmResource,
  change: () => OperationResult,
): ArmReply {
  const accepted = acceptOperation(state, call, {
    kind: 'DiskOperations',
    region: resource.region,
    withLocation: true,
    async work(wait) {
      await wait(drawLatencyMs(state, state.settings.operationLatencyMs));
      return change();
    },
  });
  return { status: 202, headers: accepted.headers };
}

/** 202 of beginGetAccess; the SAS comes bare at the Location URL, and in `properties.output`. */
export function grantAccess(
  state: ArmState,
  call: ArmCall,
  resource: ArmResource,
  open: () => OpenGrant,
): ArmReply {
  return changeAccess(state, call, resource, () => {
    const body = { accessSAS: open().accessSas };
    return { output: body, final: body };
  });
}

/** 202 of endGetAccess. Without a grant it succeeds, as on Azure. */
export function revokeAccess(
  state: ArmState,
  call: ArmCall,
  resource: ArmResource,
  end: () => void,
): ArmReply {
  return changeAccess(state, call, resource, () => {
    end();
    return {};
  });
}

/** The texts of Azure for other resources; for these two none is published. */
export function refuseDeletionWhileGranted(
  state: ArmState,
  resource: ArmResource,
  kind: 'disk' | 'snapshot',
  grant: OpenGrant | undefined,
): void {
  if (!isOpen(state, grant)) return;
  throw new ArmError(
    409,
    'OperationNotAllowed',
    `There is an active shared access signature outstanding for ${kind} ${resource.name}. Call EndGetAccess before deleting the ${kind}.`,
  );
}
