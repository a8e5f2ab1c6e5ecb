import { hash } from 'node:crypto';
import type { PageBlobClient } from '@azure/storage-blob';
import { BackupError, ThrottledError } from '../errors.ts';
import type { ReplicaStamp, ReplicaWriter, SealedSnapshot } from '../ports/replica-store.ts';
import { type AzureError, coerceAzureError, toBackupError } from './arm-errors.ts';
import { bareEtag, metadataOf } from './blob-stamp.ts';
import type { PageBlobPace } from './page-blob-pace.ts';
import { listChangedPages, listPageRanges } from './page-blob-reads.ts';
import { limitedSignal } from './request-limits.ts';

export interface BlobReplicaWriterOptions {
  /** With retries, for what is asked rarely. */
  readonly blob: PageBlobClient;
  /** Without retries, for the many writes: the mover sets their pace. */
  readonly blobOnce: PageBlobClient;
  readonly listSnapshots: () => Promise<readonly SealedSnapshot[]>;
  readonly blobPath: string;
  readonly leaseId: string;
  readonly pace: PageBlobPace;
}

const WRITE_LIMIT_MS = 60_000;
/** Blob storage is busy without saying for how long (Azure's "Status and error codes"). */
const BUSY_RETRY_AFTER_MS = 250;

/**
 * Every request that changes the blob carries the lease's id. A `ConflictError` is a lost lease, and
 * nothing else.
 */
export function createBlobReplicaWriter(options: BlobReplicaWriterOptions): ReplicaWriter {
  const { blob, blobOnce, blobPath, leaseId, pace } = options;
  const conditions = { leaseId };

  const failed = (error: unknown, action: string): BackupError => {
    const known = coerceAzureError(error);
    if (known.code === 'ServerBusy') {
      pace.refused();
      return new ThrottledError(`Could not ${action}: ServerBusy`, BUSY_RETRY_AFTER_MS, {
        target: blobPath,
      });
    }
    if (known.kind === 'conflict' && !known.code.startsWith('Lease')) {
      return new BackupError(known.code, `Could not ${action}: ${known.code}: ${known.message}`, {
        target: blobPath,
      });
    }
    return toBackupError(error, action, blobPath);
  };

  const seal = async (stamp: ReplicaStamp) => {
    const known = (await options.listSnapshots()).find(
      (snapshot) =>
        snapshot.stamp?.pointId === stamp.pointId && snapshot.stamp.diskKey === stamp.diskKey,
    );
    const blobSnapshot =
      known?.blobSnapshot ??
      // Once: a second try after a lost answer would take a second snapshot.
      (await blobOnce.createSnapshot({ conditions, metadata: metadataOf(stamp) })).snapshot;
    if (blobSnapshot === undefined) {
      throw new BackupError(
        'NoSnapshotTime',
        `Azure took a snapshot of ${blobPath} without a time`,
      );
    }
    // With the lease's id, so that a stale attempt is refused here too.
    const { etag } = await blob.getProperties({ conditions });
    return { blobSnapshot, etag: bareEtag(etag) };
  };

  return {
    async write(offset, bytes, signal) {
      const send = async (): Promise<void> => {
        await blobOnce.uploadPages(bytes, offset, bytes.length, {
          transactionalContentMD5: hash('md5', bytes, 'buffer'),
          conditions,
          abortSignal: limitedSignal(WRITE_LIMIT_MS, signal),
        });
      };
      try {
        await pace.run(bytes.length, send, signal);
      } catch (error) {
        throw failed(error, `write to the copy ${blobPath}`);
      }
    },

    async writeFromUrl(range, sourceUrl, { md5, signal }) {
      const action = `have the copy ${blobPath} fetch pages`;
      const { start, end } = range;
      const send = async (): Promise<void> => {
        await blobOnce.uploadPagesFromURL(sourceUrl, start, start, end - start, {
          conditions,
          abortSignal: limitedSignal(WRITE_LIMIT_MS, signal),
          ...(md5 === undefined ? {} : { sourceContentMD5: md5 }),
        });
      };
      try {
        await pace.run(end - start, send, signal);
      } catch (error) {
        const refusal = sourceRefusalOf(coerceAzureError(error));
        if (refusal === undefined) throw failed(error, action);
        throw new BackupError(refusal, failed(error, action).message, { target: blobPath });
      }
    },

    async clear(range, signal) {
      const send = async (): Promise<void> => {
        await blobOnce.clearPages(range.start, range.end - range.start, {
          conditions,
          abortSignal: limitedSignal(WRITE_LIMIT_MS, signal),
        });
      };
      try {
        await pace.run(0, send, signal);
      } catch (error) {
        throw failed(error, `clear pages of the copy ${blobPath}`);
      }
    },

    async listDirty(window, since, signal) {
      try {
        return since === undefined
          ? await listPageRanges(blob, window, signal)
          : await listChangedPages(blob, window, since, signal);
      } catch (error) {
        throw failed(error, `list what changed in the copy ${blobPath}`);
      }
    },

    async seal(stamp) {
      try {
        return await seal(stamp);
      } catch (error) {
        throw failed(error, `seal the copy ${blobPath}`);
      }
    },
  };
}

/**
 * The platform's two ways to refuse a source. The first one comes with 403, 404, 409 or 500: the
 * source's own status (azure-sdk-for-js#7542, azure-sdk-for-java#24881); the second for managed
 * snapshots in some networks (azure-sdk-for-net#23031, azure-storage-azcopy#2573).
 */
const sourceRefusalOf = ({ code }: AzureError): string | undefined => {
  if (code === 'CannotVerifyCopySource') return 'CopySourceRefused';
  if (code === 'CopySourceCannotBeIncrementalCopyBlob') return 'CopySourceNotCopyable';
  return undefined;
};
