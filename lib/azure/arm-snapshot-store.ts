import type { Snapshot } from '@azure/arm-compute';
import type { PipelineResponse } from '@azure/core-rest-pipeline';
import { BackupError, MalformedDataError } from '../errors.ts';
import { done, refused } from '../outcome.ts';
import type {
  SnapshotInProgress,
  SnapshotProgress,
  SnapshotResource,
  SnapshotStore,
} from '../ports/snapshot-store.ts';
import { coerceAzureError, isNotFound, parseRetryAfterMs, toBackupError } from './arm-errors.ts';
import type { AzureClients } from './azure-clients.ts';
import { isFailedOperation } from './failed-operation-policy.ts';
import { limitedSignal } from './request-limits.ts';
import { resourceOf } from './snapshot-resource-id.ts';

/** While a guest is frozen a request that hangs must not outlive the freeze. */
const FROZEN_REQUEST_LIMIT_MS = 30_000;
const REMOVE_LIMIT_MS = 120_000;
const REMOVE_POLL_MS = 1_000;

export interface ArmSnapshotStoreOptions {
  readonly clients: Pick<
    AzureClients,
    'compute' | 'computeOnce' | 'armRequests' | 'subscriptionId'
  >;
  /** The service's own group; every snapshot lies in it. */
  readonly resourceGroup: string;
}

/** Incremental snapshots through Azure Resource Manager. */
export function createArmSnapshotStore({
  clients,
  resourceGroup,
}: ArmSnapshotStoreOptions): SnapshotStore {
  const prefix = `/subscriptions/${clients.subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/snapshots/`;
  const idOf = (name: string): string => `${prefix}${name}`;

  const readOnce = async (snapshotId: string, signal?: AbortSignal): Promise<SnapshotProgress> => {
    const { resourceGroup: group, name } = resourceOf(snapshotId);
    const snapshot = await clients.computeOnce.snapshots.get(
      group,
      name,
      signal === undefined ? {} : { abortSignal: signal },
    );
    return progressOf(snapshot.provisioningState ?? '', 'SnapshotFailed', 'it was not taken');
  };

  return {
    idOf,

    async begin(order, signal) {
      const limited = limitedSignal(FROZEN_REQUEST_LIMIT_MS, signal);
      let first: PipelineResponse | undefined;
      try {
        const poller = clients.computeOnce.snapshots.createOrUpdate(
          resourceGroup,
          order.name,
          {
            location: order.region,
            incremental: true,
            creationData: { createOption: 'Copy', sourceResourceId: order.diskId },
            // Explicit: a policy may change the default, and then no copy can read the snapshot.
            networkAccessPolicy: 'AllowAll',
            publicNetworkAccess: 'Enabled',
            tags: { ...order.tags },
          },
          {
            abortSignal: limited,
            onResponse: (response) => {
              first ??= response;
            },
          },
        );
        // Settles with the answer to the PUT. The poller itself would be waited for if returned.
        await poller.submitted();
      } catch (error) {
        const { kind, code, message } = coerceAzureError(error);
        if (kind === 'refused' || kind === 'notFound') {
          return refused(
            'SnapshotRefused',
            `The platform refused a snapshot of ${order.diskId}: ${code}: ${message}`,
            order.diskId,
          );
        }
        throw toBackupError(error, 'ask for a snapshot', order.diskId);
      }
      const retryAfterMs = parseRetryAfterMs(first?.headers.get('retry-after'));
      const pollingUrl = first?.headers.get('azure-asyncoperation');
      return done<SnapshotInProgress>({
        snapshotId: idOf(order.name),
        ...(pollingUrl === undefined ? {} : { pollingUrl }),
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
    },

    async poll({ snapshotId, pollingUrl }, signal) {
      try {
        if (pollingUrl === undefined) return await readOnce(snapshotId, signal);
        const answer = await clients.armRequests.send(
          'GET',
          pollingUrl,
          signal === undefined ? {} : { signal },
        );
        const status = (answer.body as { readonly status?: unknown } | undefined)?.status;
        const retryAfterMs = parseRetryAfterMs(answer.header('retry-after'));
        const progress = progressOf(String(status ?? ''), 'SnapshotFailed', 'it was not taken');
        return progress.state === 'running' && retryAfterMs !== undefined
          ? { ...progress, retryAfterMs }
          : progress;
      } catch (error) {
        const { code, message, kind } = coerceAzureError(error);
        if (isFailedOperation(error)) return { state: 'failed', errorCode: code, message };
        // The record of an operation may be gone before the operation is forgotten.
        if (kind === 'notFound' && pollingUrl !== undefined) {
          return await readOnce(snapshotId, signal).catch((second: unknown) => {
            throw toBackupError(second, 'see how far a snapshot is', snapshotId);
          });
        }
        if (kind === 'notFound') return { state: 'failed', errorCode: code, message };
        throw toBackupError(error, 'see how far a snapshot is', snapshotId);
      }
    },

    async get(snapshotId) {
      const { resourceGroup: group, name } = resourceOf(snapshotId);
      try {
        return toResource(await clients.compute.snapshots.get(group, name), group);
      } catch (error) {
        if (!(error instanceof BackupError) && isNotFound(error)) return undefined;
        throw toBackupError(error, 'read a snapshot', snapshotId);
      }
    },

    async remove(snapshotId) {
      const { resourceGroup: group, name } = resourceOf(snapshotId);
      const options = () => ({
        abortSignal: AbortSignal.timeout(REMOVE_LIMIT_MS),
        updateIntervalInMs: REMOVE_POLL_MS,
      });
      const deleteIt = async (): Promise<void> => {
        await clients.compute.snapshots.delete(group, name, options());
      };
      try {
        await deleteIt().catch(async (error: unknown) => {
          // A reader that died left its access open. Nobody needs it: the snapshot goes.
          if (!/active shared access signature/i.test(coerceAzureError(error).message)) throw error;
          await clients.compute.snapshots.revokeAccess(group, name, options());
          await deleteIt();
        });
      } catch (error) {
        if (isNotFound(error)) return;
        throw toBackupError(error, 'delete a snapshot', snapshotId);
      }
    },
  };
}

function progressOf(status: string, errorCode: string, message: string): SnapshotProgress {
  if (/succeeded/i.test(status)) return { state: 'succeeded' };
  if (/fail|cancel/i.test(status)) {
    return { state: 'failed', errorCode, message: `${message}: ${status}` };
  }
  return { state: 'running' };
}

function toResource(snapshot: Snapshot, resourceGroup: string): SnapshotResource {
  const { id, name, location, uniqueId, incrementalSnapshotFamilyId, timeCreated } = snapshot;
  const { creationData, diskSizeBytes } = snapshot;
  const source = creationData?.sourceResourceId;
  const sourceUnique = creationData?.sourceUniqueId;
  if (
    id === undefined ||
    name === undefined ||
    location === undefined ||
    uniqueId === undefined ||
    timeCreated === undefined ||
    diskSizeBytes === undefined ||
    source === undefined ||
    sourceUnique === undefined
  ) {
    throw new MalformedDataError('a snapshot came without one of its identifying fields', {
      target: id ?? name ?? 'snapshot',
    });
  }
  return {
    snapshotId: id,
    name,
    resourceGroup,
    region: location,
    provisioningState: snapshot.provisioningState ?? 'Unknown',
    uniqueId,
    familyId: incrementalSnapshotFamilyId ?? '',
    timeCreatedUtc: timeCreated.toISOString(),
    sizeBytes: diskSizeBytes,
    sourceDiskId: source,
    sourceDiskUniqueId: sourceUnique,
    incremental: snapshot.incremental === true,
    tags: snapshot.tags ?? {},
  };
}
