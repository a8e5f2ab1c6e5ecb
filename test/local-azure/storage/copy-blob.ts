/** Copy Blob into a page blob. */
import { randomUUID } from 'node:crypto';
import type { Access } from './authorize.ts';
import {
  copyProgress,
  identityHeaders,
  readMetadata,
  refuseWhileCopying,
  touch,
} from './blob-properties.ts';
import { checkWriteConditions } from './conditions.ts';
import { refuseOnIncrementalCopy } from './copy-incrementally.ts';
import type { OpenCopySource } from './copy-source.ts';
import { sourceRequest } from './copy-source.ts';
import type { Exchange } from './exchange.ts';
import { header, sendEmpty, splitBlobPath } from './exchange.ts';
import type { PageBlob, PageBlobs } from './page-blob.ts';
import { MAX_PAGE_BLOB_BYTES } from './page-blob.ts';
import { StorageError, storageErrors } from './storage-error.ts';
import { createPageBlob, requireOverwrite } from './write-blob.ts';
import { requireEmptyBody } from './write-pages.ts';

export interface CopyBlobParts {
  readonly blobs: PageBlobs;
  readonly openCopySource: OpenCopySource;
  /** How long a copy from another account stays pending. */
  readonly remoteCopyMs: number;
}

/**
 * `PUT` with `x-ms-copy-source` whose source is a page blob, a snapshot of one, or a managed disk.
 * Inside an account the copy is finished with the answer, which "Copy Blob" allows; from elsewhere it
 * is pending for a while and the blob takes no other write. Returns false when the source is no page
 * blob of ours and the copy is somebody else's.
 */
export async function copyBlob(
  exchange: Exchange,
  access: Access,
  existing: PageBlob | undefined,
  parts: CopyBlobParts,
): Promise<boolean> {
  requireEmptyBody(exchange);
  const copySource = header(exchange, 'x-ms-copy-source') ?? '';
  const request = sourceRequest(exchange, copySource);
  const source = await parts.openCopySource(request);
  if (source === undefined) {
    if (existing !== undefined) {
      throw storageErrors.invalidBlobType();
    }
    return false;
  }
  const metadata = readMetadata(exchange);
  if (existing !== undefined) {
    refuseOnIncrementalCopy(existing, 'PUT', false);
    refuseWhileCopying(existing);
  }
  requireOverwrite(access, existing);
  checkWriteConditions(exchange, existing?.state);
  existing?.lease.checkWrite(Date.now(), header(exchange, 'x-ms-lease-id'));
  request.checkConditions(source.state);
  const { image, state } = source;
  if (image.sizeBytes > MAX_PAGE_BLOB_BYTES) {
    throw new StorageError({
      status: 409,
      code: 'CannotVerifyCopySource',
      message: 'The source is larger than a page blob can be.',
    });
  }
  const target = existing ?? createPageBlob(exchange.container, exchange.blob, 0);
  const id = randomUUID();
  const nowMs = Date.now();
  const completedMs = nowMs + (isSameAccount(exchange, copySource) ? 0 : parts.remoteCopyMs);
  const made = createPageBlob(exchange.container, exchange.blob, 0, {
    sequenceNumber: state.sequenceNumber,
    http: state.http,
    metadata: Object.keys(metadata).length > 0 ? metadata : state.metadata,
    copy: {
      id,
      source: withoutSecrets(copySource),
      totalBytes: image.sizeBytes,
      completedMs,
    },
  });
  target.content = image.fork();
  target.generation = made.generation;
  target.state = made.state;
  target.lease.noteWrite(nowMs);
  if (existing === undefined) {
    parts.blobs.add(exchange.account, target);
  }
  sendEmpty(exchange, 202, {
    ...identityHeaders(target.state),
    'x-ms-copy-id': id,
    'x-ms-copy-status': completedMs > nowMs ? 'pending' : 'success',
  });
  return true;
}

function isSameAccount(exchange: Exchange, url: string): boolean {
  const { host, pathname } = new URL(url);
  return host === exchange.headers.host && splitBlobPath(pathname).account === exchange.account;
}

/** `PUT ?comp=copy` with the id of the copy: leaves a blob of no length, as on Azure. */
export function abortCopy(exchange: Exchange, blob: PageBlob): void {
  const { copy } = blob.state;
  if (copy === undefined || copyProgress(copy).status !== 'pending') {
    throw storageErrors.noPendingCopy();
  }
  if (exchange.query.get('copyid') !== copy.id) {
    throw new StorageError({
      status: 409,
      code: 'CopyIdMismatch',
      message: 'The specified copy ID did not match the copy ID for the pending copy operation.',
    });
  }
  blob.lease.checkWrite(Date.now(), header(exchange, 'x-ms-lease-id'));
  const { copy: _aborted, ...state } = blob.state;
  blob.content = createPageBlob(blob.container, blob.name, 0).content;
  blob.state = state;
  touch(blob);
  sendEmpty(exchange, 204);
}

function withoutSecrets(url: string): string {
  const parsed = new URL(url);
  const snapshot = parsed.searchParams.get('snapshot');
  return `${parsed.origin}${parsed.pathname}${snapshot === null ? '' : `?snapshot=${snapshot}`}`;
}
