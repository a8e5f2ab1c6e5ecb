import type { BlobServiceClient, ContainerClient, PageBlobClient } from '@azure/storage-blob';
import type {
  ChainBlob,
  ReplicaStamp,
  ReplicaStore,
  SealedReplica,
  SealedSnapshot,
} from '../ports/replica-store.ts';
import type { Clock } from '../time/clock.ts';
import { coerceAzureError, isNotFound, toBackupError } from './arm-errors.ts';
import { createBlobReplicaWriter } from './blob-replica-writer.ts';
import { bareEtag, metadataOf, stampOf } from './blob-stamp.ts';
import { createPageBlobPaces, type PageBlobPaces } from './page-blob-pace.ts';
import { listPageRanges, readPages } from './page-blob-reads.ts';
import { createRealClock } from './real-clock.ts';

export interface BlobReplicaStoreOptions {
  /** The account, with retries. */
  readonly service: BlobServiceClient;
  /** The account, each request once: throttling is answered by a slower pace. */
  readonly serviceOnce: BlobServiceClient;
  readonly container: string;
  /** Default: the real one. */
  readonly clock?: Clock;
}

const pacesByService = new WeakMap<BlobServiceClient, PageBlobPaces>();

/** What one target has learned about an account's limits holds for its other containers. */
function pacesOf(service: BlobServiceClient, clock: Clock): PageBlobPaces {
  const known = pacesByService.get(service) ?? createPageBlobPaces(clock);
  pacesByService.set(service, known);
  return known;
}

/** Chains as page blobs of one container. Paths and metadata: docs/format.md. */
export function createBlobReplicaStore(options: BlobReplicaStoreOptions): ReplicaStore {
  const container = options.service.getContainerClient(options.container);
  const containerOnce = options.serviceOnce.getContainerClient(options.container);
  const paces = pacesOf(options.serviceOnce, options.clock ?? createRealClock());
  const blobOf = (blobPath: string): PageBlobClient => container.getPageBlobClient(blobPath);

  return {
    async listChains(vmKey, diskKey) {
      try {
        return await listChains(container, `${vmKey}/${diskKey}/`);
      } catch (error) {
        throw toBackupError(error, `list the copies of disk ${diskKey}`, options.container);
      }
    },

    async begin(blobPath, { sizeBytes, leaseId, knownLeaseIds, stamp }) {
      const blob = blobOf(blobPath);
      try {
        const created = await createIfMissing(blob, sizeBytes, stamp);
        const takenOverFrom = await takeLease(blob, leaseId, knownLeaseIds);
        const conditions = { leaseId };
        const { contentLength = 0, etag } = await blob.getProperties({ conditions });
        if (contentLength < sizeBytes) await blob.resize(sizeBytes, { conditions });
        await blob.setMetadata(metadataOf(stamp), { conditions });
        return {
          created,
          etag: bareEtag(etag),
          ...(takenOverFrom === undefined ? {} : { takenOverFrom }),
        };
      } catch (error) {
        throw toBackupError(error, `begin the copy ${blobPath}`, blobPath);
      }
    },

    openForWriting: (blobPath, leaseId) =>
      createBlobReplicaWriter({
        blob: blobOf(blobPath),
        blobOnce: containerOnce.getPageBlobClient(blobPath),
        listSnapshots: async () => (await listChains(container, blobPath))[0]?.snapshots ?? [],
        blobPath,
        leaseId,
        pace: paces.forBlob(),
      }),

    async openSealed(blobPath, blobSnapshot) {
      const snapshot = blobOf(blobPath).withSnapshot(blobSnapshot);
      const readOnce = containerOnce.getPageBlobClient(blobPath).withSnapshot(blobSnapshot);
      try {
        const { contentLength = 0, metadata } = await snapshot.getProperties();
        return sealedReplica(snapshot, readOnce, blobPath, contentLength, stampOf(metadata));
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw toBackupError(error, `open the copy ${blobPath}`, blobPath);
      }
    },
  };
}

const sealedReplica = (
  snapshot: PageBlobClient,
  readOnce: PageBlobClient,
  blobPath: string,
  sizeBytes: number,
  stamp: ReplicaStamp | undefined,
): SealedReplica => ({
  sizeBytes,
  ...(stamp === undefined ? {} : { stamp }),
  async listAllocated(window, signal) {
    try {
      return await listPageRanges(snapshot, window, signal);
    } catch (error) {
      throw toBackupError(error, `list the ranges of the copy ${blobPath}`, blobPath);
    }
  },
  async read(offset, into, signal) {
    try {
      await readPages(readOnce, offset, into, signal);
    } catch (error) {
      throw toBackupError(error, `read the copy ${blobPath}`, blobPath);
    }
  },
});

/** The listing gives the snapshots of a blob before the blob, oldest first. */
async function listChains(container: ContainerClient, prefix: string): Promise<ChainBlob[]> {
  const chains: ChainBlob[] = [];
  const snapshots = new Map<string, SealedSnapshot[]>();
  const found = container.listBlobsFlat({
    prefix,
    includeSnapshots: true,
    includeMetadata: true,
  });
  for await (const item of found) {
    const chainId = /([^/]+)\.vhd$/.exec(item.name)?.[1];
    if (chainId === undefined) continue;
    const stamp = stampOf(item.metadata);
    const stamped = stamp === undefined ? {} : { stamp };
    const own = snapshots.get(item.name) ?? [];
    snapshots.set(item.name, own);
    if (item.snapshot !== undefined && item.snapshot !== '') {
      own.push({ blobSnapshot: item.snapshot, ...stamped });
      continue;
    }
    chains.push({
      blobPath: item.name,
      chainId,
      sizeBytes: item.properties.contentLength ?? 0,
      etag: bareEtag(item.properties.etag),
      ...stamped,
      snapshots: own,
    });
  }
  return chains;
}

async function createIfMissing(
  blob: PageBlobClient,
  sizeBytes: number,
  stamp: ReplicaStamp,
): Promise<boolean> {
  if (await blob.exists()) return false;
  try {
    await blob.create(sizeBytes, {
      metadata: metadataOf(stamp),
      blobHTTPHeaders: { blobContentType: 'application/octet-stream' },
      conditions: { ifNoneMatch: '*' },
    });
    return true;
  } catch (error) {
    // Made meanwhile, or by our own try whose answer was lost.
    if (coerceAzureError(error).kind === 'conflict') return false;
    throw error;
  }
}

/** Answers the known lease that was in force. */
async function takeLease(
  blob: PageBlobClient,
  leaseId: string,
  knownLeaseIds: readonly string[],
): Promise<string | undefined> {
  const acquire = async (): Promise<boolean> => {
    try {
      await blob.getBlobLeaseClient(leaseId).acquireLease(-1);
      return true;
    } catch (error) {
      if (coerceAzureError(error).code === 'LeaseAlreadyPresent') return false;
      throw error;
    }
  };
  if (await acquire()) return undefined;
  for (const known of knownLeaseIds) {
    try {
      await blob.getBlobLeaseClient(known).changeLease(leaseId);
      return known;
    } catch (error) {
      if (coerceAzureError(error).code !== 'LeaseIdMismatchWithLeaseOperation') throw error;
    }
  }
  // A holder that we do not know: of an earlier catalog, or not ours. Breaking needs no id.
  await blob.getBlobLeaseClient().breakLease(0);
  if (await acquire()) return undefined;
  return takeLease(blob, leaseId, []);
}
