import { ComputeManagementClient } from '@azure/arm-compute';
import { ResourceManagementClient } from '@azure/arm-resources';
import { SubscriptionClient } from '@azure/arm-resources-subscriptions';
import type { TokenCredential } from '@azure/core-auth';
import { createDefaultHttpClient } from '@azure/core-rest-pipeline';
import { TableClient, TableServiceClient } from '@azure/data-tables';
import { BlobServiceClient, PageBlobClient } from '@azure/storage-blob';
import { type ArmRequests, createArmRequests } from './arm-requests.ts';
import { failedOperationPolicy } from './failed-operation-policy.ts';
import { createBlobPipeline, createBoundedHttpClient, longWaitPolicy } from './request-limits.ts';

export interface AzureClientsOptions {
  readonly credential: TokenCredential;
  readonly subscriptionId: string;
  /** `https://management.azure.com`, or another cloud's, without a path. */
  readonly armEndpoint: string;
  /** Whom ARM's tokens are for. Default: the endpoint itself, which Azure's clouds accept. */
  readonly armAudience?: string;
  /** How long one ARM request may take. Default 30,000. */
  readonly armTimeLimitMs?: number;
  /** How long one storage call, with its body and its tries, may take. Default 60,000. */
  readonly storageTimeLimitMs?: number;
}

/** Every SDK client that the adapters use, with their retries, time limits and error bodies. */
export interface AzureClients {
  readonly credential: TokenCredential;
  readonly subscriptionId: string;
  readonly armEndpoint: string;
  /** Tried up to three times; a long Retry-After is a `ThrottledError` at once, never a sleep. */
  readonly compute: ComputeManagementClient;
  /** Never tries twice: for requests that hold a guest frozen, and for those that must not repeat. */
  readonly computeOnce: ComputeManagementClient;
  /** Generic resources: NICs, subnets, resource groups. */
  readonly resources: ResourceManagementClient;
  readonly subscriptions: SubscriptionClient;
  /** Plain ARM requests, once, with bearer token: bodies as they are, headers, polling URLs. */
  readonly armRequests: ArmRequests;
  /** One client for each endpoint, `https://<account>.blob.core.windows.net`. */
  blobService(endpoint: string): BlobServiceClient;
  /** As `blobService`, but never tries twice: for writes that a second try would spoil. */
  blobServiceOnce(endpoint: string): BlobServiceClient;
  /** A blob by a URL that carries its own SAS. Never tries twice. */
  blobBySas(sasUrl: string): PageBlobClient;
  tableService(endpoint: string): TableServiceClient;
  table(endpoint: string, tableName: string): TableClient;
}

/** Retries stay low: what must wait for long waits in a durable timer, not in a running activity. */
const READ_RETRIES = { maxRetries: 2, retryDelayInMs: 400, maxRetryDelayInMs: 2_000 } as const;
const NO_RETRIES = { maxRetries: 0 } as const;

export function createAzureClients(options: AzureClientsOptions): AzureClients {
  const { credential, subscriptionId } = options;
  const armEndpoint = options.armEndpoint.replace(/\/+$/, '');
  const armScope = `${(options.armAudience ?? armEndpoint).replace(/\/+$/, '')}/.default`;
  const transport = createDefaultHttpClient();
  const armHttp = createBoundedHttpClient(transport, options.armTimeLimitMs ?? 30_000);
  const storageLimitMs = options.storageTimeLimitMs ?? 60_000;
  const tableHttp = createBoundedHttpClient(transport, storageLimitMs);

  const armOptions = (retryOptions: typeof READ_RETRIES | typeof NO_RETRIES) => ({
    endpoint: armEndpoint,
    credentials: { scopes: [armScope] },
    httpClient: armHttp,
    retryOptions,
    additionalPolicies: [
      { policy: failedOperationPolicy(), position: 'perCall' as const },
      { policy: longWaitPolicy(), position: 'perRetry' as const },
    ],
  });
  const compute = new ComputeManagementClient(credential, subscriptionId, armOptions(READ_RETRIES));
  const computeOnce = new ComputeManagementClient(
    credential,
    subscriptionId,
    armOptions(NO_RETRIES),
  );

  const blobServices = cacheByKey((endpoint) => {
    const pipeline = createBlobPipeline(credential, storageLimitMs, 3);
    return new BlobServiceClient(endpoint, pipeline);
  });
  const blobServicesOnce = cacheByKey((endpoint) => {
    const pipeline = createBlobPipeline(credential, storageLimitMs, 1);
    return new BlobServiceClient(endpoint, pipeline);
  });
  const anonymousPipeline = createBlobPipeline(undefined, storageLimitMs, 1);
  const tableOptions = {
    httpClient: tableHttp,
    retryOptions: READ_RETRIES,
    additionalPolicies: [{ policy: longWaitPolicy(), position: 'perRetry' as const }],
  };
  const tableServices = cacheByKey(
    (endpoint) => new TableServiceClient(endpoint, credential, tableOptions),
  );
  const tables = cacheByKey((key) => {
    const [endpoint = '', name = ''] = key.split('\n');
    return new TableClient(endpoint, name, credential, tableOptions);
  });

  return {
    credential,
    subscriptionId,
    armEndpoint,
    compute,
    computeOnce,
    resources: new ResourceManagementClient(credential, subscriptionId, armOptions(READ_RETRIES)),
    subscriptions: new SubscriptionClient(credential, armOptions(READ_RETRIES)),
    armRequests: createArmRequests(computeOnce.pipeline, armHttp, armEndpoint),
    blobService: blobServices,
    blobServiceOnce: blobServicesOnce,
    blobBySas: (sasUrl) => new PageBlobClient(sasUrl, anonymousPipeline),
    tableService: tableServices,
    table: (endpoint, tableName) => tables(`${endpoint}\n${tableName}`),
  };
}

function cacheByKey<T>(create: (key: string) => T): (key: string) => T {
  const made = new Map<string, T>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const fresh = create(key);
    made.set(key, fresh);
    return fresh;
  };
}
