import type { BlobServiceClient, PageBlobClient } from '@azure/storage-blob';
import { BLOB_METADATA, SCRATCH_CONTAINER } from '../catalog/storage-layout.ts';
import { BackupError } from '../errors.ts';
import type { ScratchCopy, ScratchStore } from '../ports/scratch-store.ts';
import { coerceAzureError, isNotFound, toBackupError } from './arm-errors.ts';
import { maskSecrets } from './secret-masking.ts';

export interface BlobScratchStoreOptions {
  /** The replica account. */
  readonly service: BlobServiceClient;
  /** Container of the replicas. */
  readonly replicaContainer: string;
  /** ARM id of the account. */
  readonly storageAccountId: string;
  readonly deploymentId: string;
}

/** Scratch blobs in a container beside the replicas, which is made when it is missing. */
export const createBlobScratchStore = (options: BlobScratchStoreOptions): ScratchStore => {
  const scratch = options.service.getContainerClient(SCRATCH_CONTAINER);
  const replicas = options.service.getContainerClient(options.replicaContainer);
  const blobOf = (name: string): PageBlobClient => scratch.getPageBlobClient(name);

  const inspect = async (name: string): Promise<ScratchCopy | undefined> => {
    const blob = blobOf(name);
    try {
      const { copyStatus, copyProgress, copyStatusDescription } = await blob.getProperties();
      switch (copyStatus) {
        case 'success':
          return { state: 'copied', url: blob.url, storageAccountId: options.storageAccountId };
        case 'pending': {
          const [copied = '0', total = '0'] = (copyProgress ?? '').split('/');
          return { state: 'copying', copiedBytes: Number(copied), totalBytes: Number(total) };
        }
        default:
          return {
            state: 'failed',
            reason: maskSecrets(`${copyStatus ?? 'no copy'} ${copyStatusDescription ?? ''}`.trim()),
          };
      }
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw toBackupError(error, `inspect the scratch blob ${name}`, name);
    }
  };

  return {
    resourceIdOf: (name) => `${options.service.accountName}/${SCRATCH_CONTAINER}/${name}`,
    inspect,

    async copyFromSnapshot(name, { blobPath, blobSnapshot }) {
      const known = await inspect(name);
      if (known !== undefined) return known;
      // Inside one account the caller's own right to read the source is enough (REST: Copy Blob).
      const source = replicas.getPageBlobClient(blobPath).withSnapshot(blobSnapshot);
      try {
        await scratch.createIfNotExists();
        await blobOf(name).beginCopyFromURL(source.url, {
          conditions: { ifNoneMatch: '*' },
          // Without any the copy would pass as a chain: it would take over the source's.
          metadata: {
            [BLOB_METADATA.format]: '1',
            [BLOB_METADATA.deployment]: options.deploymentId,
          },
        });
      } catch (error) {
        const { code, statusCode } = coerceAzureError(error);
        if (statusCode === 404 || (code === 'CannotVerifyCopySource' && !(await exists(source)))) {
          throw new BackupError(
            'BlobSnapshotMissing',
            `The blob ${blobPath} has no snapshot ${blobSnapshot}`,
            { target: blobPath },
          );
        }
        // Begun by an earlier try whose answer was lost.
        if (code !== 'BlobAlreadyExists') {
          throw toBackupError(error, `copy ${blobPath} to scratch`, blobPath);
        }
      }
      const begun = await inspect(name);
      if (begun !== undefined) return begun;
      throw new BackupError('ScratchCopyFailed', `The scratch blob ${name} vanished`, {
        target: name,
      });
    },

    async remove(name) {
      try {
        await blobOf(name).deleteIfExists({ deleteSnapshots: 'include' });
      } catch (error) {
        if (isNotFound(error)) return;
        // A copy under way refuses the deletion: it is ended first.
        if (coerceAzureError(error).code !== 'PendingCopyOperation') {
          throw toBackupError(error, `delete the scratch blob ${name}`, name);
        }
        await endCopy(blobOf(name), name);
      }
    },
  };
};

const exists = async (source: PageBlobClient): Promise<boolean> => {
  try {
    return await source.exists();
  } catch (error) {
    throw toBackupError(error, 'look for a sealed blob snapshot');
  }
};

const endCopy = async (blob: PageBlobClient, name: string): Promise<void> => {
  try {
    const { copyId } = await blob.getProperties();
    if (copyId !== undefined) await blob.abortCopyFromURL(copyId);
    await blob.deleteIfExists({ deleteSnapshots: 'include' });
  } catch (error) {
    throw toBackupError(error, `end the copy to the scratch blob ${name}`, name);
  }
};
