/**
 * Incremental Copy Blob (learn.microsoft.com/rest/api/storageservices/incremental-copy-blob): the
 * target is tied to its source for ever, its base cannot be read, each copy makes a snapshot.
 */
import { randomUUID } from 'node:crypto';
import type { Access } from './authorize.ts';
import { newSnapshotTime } from './blob-clock.ts';
import { identityHeaders, touch } from './blob-properties.ts';
import { checkWriteConditions } from './conditions.ts';
import type { OpenCopySource } from './copy-source.ts';
import { sourceRequest } from './copy-source.ts';
import type { Exchange } from './exchange.ts';
import { header, sendEmpty, splitBlobPath } from './exchange.ts';
import type { PageBlob, PageBlobs } from './page-blob.ts';
import { StorageError, storageErrors } from './storage-error.ts';
import { createPageBlob } from './write-blob.ts';
import { requireEmptyBody } from './write-pages.ts';

const conflict = (code: string, message: string) =>
  new StorageError({ status: 409, code, message });

/** `PUT ?comp=incrementalcopy`. Answers `pending`, as always on Azure; the next read says `success`. */
export async function copyIncrementally(
  exchange: Exchange,
  access: Access,
  existing: PageBlob | undefined,
  parts: { readonly blobs: PageBlobs; readonly openCopySource: OpenCopySource },
): Promise<void> {
  requireEmptyBody(exchange);
  const url = header(exchange, 'x-ms-copy-source');
  if (url === undefined) {
    throw storageErrors.missingHeader('x-ms-copy-source');
  }
  const request = sourceRequest(exchange, url);
  const { pathname, searchParams } = new URL(url);
  const sourceTime = searchParams.get('snapshot');
  if (sourceTime === null) {
    throw conflict(
      'IncrementalCopySourceMustBeSnapshot',
      'The source for incremental copy request must be a snapshot.',
    );
  }
  const source = await parts.openCopySource(request);
  if (source === undefined) {
    throw conflict(
      'InvalidSourceBlobType',
      'The copy source blob type is invalid for this operation.',
    );
  }
  if (access.permissions !== undefined && existing !== undefined) {
    // A new snapshot in the target is a write to it.
    if (!access.permissions.includes('w')) {
      throw storageErrors.permissionMismatch();
    }
  }
  checkWriteConditions(exchange, existing?.state);
  existing?.lease.checkWrite(Date.now(), header(exchange, 'x-ms-lease-id'));
  const address = splitBlobPath(pathname);
  const sourceBlob = `${address.account}/${address.container}/${address.blob}`;
  if (existing !== undefined) {
    checkChain(existing, sourceBlob, sourceTime);
  }
  const target = existing ?? createPageBlob(exchange.container, exchange.blob, 0);
  const previous = [...target.snapshots.values()].at(-1);
  if (previous !== undefined) {
    requireSameHistory(() => source.image.changedSince(previous.image, { start: 0, end: 0 }));
  }
  const id = randomUUID();
  const time = newSnapshotTime();
  const copy = {
    id,
    source: `${new URL(url).origin}${pathname}?snapshot=${sourceTime}`,
    totalBytes: source.image.sizeBytes,
    completedMs: Date.now(),
    destinationSnapshot: time,
  };
  target.content = source.image.fork();
  target.incremental = { sourceBlob, sourceTime };
  touch(target, { http: source.state.http, metadata: source.state.metadata, copy });
  // The source's own image keeps its history, so that the copies can be compared with each other.
  target.snapshots.set(time, {
    time,
    image: source.image,
    state: target.state,
    generation: target.generation,
  });
  if (existing === undefined) {
    parts.blobs.add(exchange.account, target);
  }
  sendEmpty(exchange, 202, {
    ...identityHeaders(target.state),
    'x-ms-copy-id': id,
    'x-ms-copy-status': 'pending',
  });
}

function checkChain(target: PageBlob, sourceBlob: string, sourceTime: string): void {
  const { incremental } = target;
  if (incremental === undefined) {
    throw storageErrors.blobAlreadyExists();
  }
  if (incremental.sourceBlob !== sourceBlob) {
    throw conflict(
      'IncrementalCopyBlobMismatch',
      'The specified source blob is different than the copy source of the existing incremental copy blob.',
    );
  }
  if (sourceTime <= incremental.sourceTime) {
    throw conflict(
      'IncrementalCopyOfEarlierVersionSnapshotNotAllowed',
      'The specified snapshot is earlier than the last snapshot copied into the incremental copy blob.',
    );
  }
}

function requireSameHistory(compare: () => unknown): void {
  try {
    compare();
  } catch (error) {
    throw error instanceof RangeError ? storageErrors.blobOverwritten() : error;
  }
}

/** What may be done with the base of an incremental copy: look at it, copy again, delete it. */
export function refuseOnIncrementalCopy(
  blob: PageBlob,
  operation: string,
  isSnapshot: boolean,
): void {
  const isAllowed =
    operation === 'HEAD' || operation === 'DELETE' || operation.endsWith(' metadata');
  const isRead = operation.startsWith('GET') || operation.startsWith('HEAD');
  if (blob.incremental !== undefined && !(isSnapshot && isRead)) {
    if (!isAllowed || operation === 'PUT metadata') {
      throw conflict(
        'OperationNotAllowedOnIncrementalCopyBlob',
        'The specified operation is not allowed on an incremental copy blob.',
      );
    }
  }
}
