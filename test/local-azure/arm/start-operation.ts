import { ArmError, resourceNotFound } from './arm-error.ts';
import type { ArmCall } from './arm-router.ts';
import type { ArmState } from './arm-state.ts';
import type { OperationKind, OperationResult } from './long-running-operations.ts';
import type { ArmResource } from './resource-store.ts';
import { requireGroup } from './subscription-routes.ts';

export interface AcceptedHeaders {
  readonly headers: Readonly<Record<string, string>>;
  /** Settles when the operation has ended, whatever its outcome. */
  readonly ended: Promise<void>;
}

export interface AcceptOptions {
  readonly kind: OperationKind;
  readonly region: string;
  /** VM PUT and PATCH send no Location; DELETE and POST send both URLs. */
  readonly withLocation: boolean;
  /** As recorded: 2 for a disk's PUT, 10 for a VM; absent on grants and disk deletes. */
  readonly retryAfterSeconds?: number;
  work(wait: (milliseconds: number) => Promise<void>): Promise<OperationResult> | OperationResult;
  /** After any failure, the one asked for by a fault included: mark the resource Failed. */
  onFailure?(): void;
}

/** Starts the long-running operation of a call and gives the headers of its 201 or 202. */
export function acceptOperation(
  state: ArmState,
  call: ArmCall,
  options: AcceptOptions,
): AcceptedHeaders {
  const started = state.operations.start({
    kind: options.kind,
    region: options.region,
    async work(wait) {
      try {
        const { asyncFailure, asyncLatencyMs } = call.operationFault ?? {};
        if (asyncLatencyMs !== undefined) await wait(asyncLatencyMs);
        if (asyncFailure !== undefined) {
          const { min, max } = state.settings.operationLatencyMs;
          await wait(state.random.integer(min, max));
          throw new ArmError(409, asyncFailure.code, asyncFailure.message);
        }
        return await options.work(wait);
      } catch (error) {
        options.onFailure?.();
        throw error;
      }
    },
  });
  return {
    headers: {
      'azure-asyncoperation': started.asyncUrl,
      ...(options.withLocation ? { location: started.locationUrl } : {}),
      ...(state.settings.sendRetryAfter && options.retryAfterSeconds !== undefined
        ? { 'retry-after': String(options.retryAfterSeconds) }
        : {}),
    },
    ended: started.ended,
  };
}

/** The id that a call's path names, with the spelling of the path. */
export function callId(
  state: ArmState,
  call: ArmCall,
  type: string,
  name = call.params['name'] ?? '',
): string {
  return `/subscriptions/${state.subscriptionId}/resourceGroups/${call.params['resourceGroup'] ?? ''}/providers/${type}/${name}`;
}

/** The resource that a call's path names; 404 with ARM's codes otherwise. */
export function requireResource(
  state: ArmState,
  call: ArmCall,
  type: string,
  name = call.params['name'] ?? '',
): ArmResource {
  const group = requireGroup(state, call.params['resourceGroup'] ?? '');
  const resource = state.resources.get(callId(state, call, type, name));
  if (resource === undefined) throw resourceNotFound(type, name, group.name);
  return resource;
}

/** A resource of that name in another region stops a PUT. */
export function refuseOtherRegion(existing: ArmResource | undefined, region: string): void {
  if (existing === undefined || existing.region === region) return;
  throw new ArmError(
    409,
    'InvalidResourceLocation',
    `The resource '${existing.name}' already exists in location '${existing.region}' in resource group '${existing.resourceGroup}'. A resource with the same name cannot be created in location '${region}'. Please select a new resource name.`,
    { headers: { 'x-ms-failure-cause': 'gateway' } },
  );
}

/** 409 while a lock on the resource or its group forbids deletion. */
export function refuseIfLocked(state: ArmState, id: string): void {
  const key = id.toLowerCase();
  const lock = [...state.locks].find((locked) => key === locked || key.startsWith(`${locked}/`));
  if (lock === undefined) return;
  throw new ArmError(
    409,
    'ScopeLocked',
    `The scope '${id}' cannot perform delete operation because following scope(s) are locked: '${lock}'. Please remove the lock and try again.`,
  );
}
