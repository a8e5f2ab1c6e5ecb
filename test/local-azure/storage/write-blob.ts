/** Put Blob, Set Properties (resize, sequence number), Set Metadata, Snapshot, Delete. */
import { SECTOR_BYTES } from '../contracts.ts';
import { createPageStore } from '../pages/page-store.ts';
import type { Access } from './authorize.ts';
import { newEtag, newSnapshotTime } from './blob-clock.ts';
import {
  identityHeaders,
  readHttpProperties,
  readMetadata,
  touch,
  writtenHeaders,
} from './blob-properties.ts';
import { checkWriteConditions } from './conditions.ts';
import type { Exchange } from './exchange.ts';
import { header, sendEmpty } from './exchange.ts';
import { createLease } from './lease.ts';
import type { BlobState, PageBlob, PageBlobs } from './page-blob.ts';
import { MAX_PAGE_BLOB_BYTES } from './page-blob.ts';
import { storageErrors } from './storage-error.ts';
import { requireEmptyBody } from './write-pages.ts';

const MAX_SEQUENCE_NUMBER = 2 ** 63;

/** A new page blob without pages, not yet in any list. */
export function createPageBlob(
  container: string,
  name: string,
  sizeBytes: number,
  state: Partial<BlobState> = {},
): PageBlob {
  const nowMs = Date.now();
  return {
    container,
    name,
    content: createPageStore(sizeBytes),
    state: {
      etag: newEtag(),
      lastModifiedMs: nowMs,
      createdMs: nowMs,
      sequenceNumber: 0,
      metadata: {},
      http: { contentType: 'application/octet-stream' },
      ...state,
    },
    generation: {},
    lease: createLease(),
    snapshots: new Map(),
    counters: { putPageBytes: 0, putPageFromUrlBytes: 0, requests: 0 },
  };
}

/** `create` alone may make a blob but not write over one. */
export function requireOverwrite(access: Access, existing: PageBlob | undefined): void {
  if (existing !== undefined && access.permissions?.includes('w') === false) {
    throw storageErrors.blobOverwriteRefused();
  }
}

/** Put Blob with `x-ms-blob-type: PageBlob`. `existing`: the page blob of that name, if any. */
export function putPageBlob(
  exchange: Exchange,
  access: Access,
  existing: PageBlob | undefined,
  blobs: PageBlobs,
): void {
  requireEmptyBody(exchange);
  const sizeBytes = blobSize(exchange, 'required');
  const sequenceNumber = readSequenceNumber(exchange) ?? 0;
  const metadata = readMetadata(exchange);
  const http = readHttpProperties(exchange);
  requireOverwrite(access, existing);
  checkWriteConditions(exchange, existing?.state);
  existing?.lease.checkWrite(Date.now(), header(exchange, 'x-ms-lease-id'));
  const made = createPageBlob(exchange.container, exchange.blob, sizeBytes, {
    sequenceNumber,
    metadata,
    http,
  });
  if (existing === undefined) {
    blobs.add(exchange.account, made);
    sendEmpty(exchange, 201, writtenHeaders(made.state));
    return;
  }
  // Lease and snapshots stay with the name, the content is another one.
  existing.content = made.content;
  existing.generation = made.generation;
  existing.state = made.state;
  existing.lease.noteWrite(Date.now());
  sendEmpty(exchange, 201, writtenHeaders(existing.state));
}

function blobSize(exchange: Exchange, need: 'required'): number;
function blobSize(exchange: Exchange, need: 'optional'): number | undefined;
function blobSize(exchange: Exchange, need: 'required' | 'optional'): number | undefined {
  const name = 'x-ms-blob-content-length';
  const text = header(exchange, name);
  if (text === undefined) {
    if (need === 'required') {
      throw storageErrors.missingHeader(name);
    }
    return undefined;
  }
  const sizeBytes = Number(text);
  const isSize = /^\d+$/.test(text) && sizeBytes % SECTOR_BYTES === 0;
  if (!isSize || sizeBytes > MAX_PAGE_BLOB_BYTES) {
    throw storageErrors.invalidHeader(name, text);
  }
  return sizeBytes;
}

function readSequenceNumber(exchange: Exchange): number | undefined {
  const name = 'x-ms-blob-sequence-number';
  const text = header(exchange, name);
  if (text === undefined) {
    return undefined;
  }
  if (!/^\d+$/.test(text) || Number(text) >= MAX_SEQUENCE_NUMBER) {
    throw storageErrors.invalidHeader(name, text);
  }
  return Number(text);
}

function checkBlobWrite(exchange: Exchange, blob: PageBlob): void {
  checkWriteConditions(exchange, blob.state);
  blob.lease.checkWrite(Date.now(), header(exchange, 'x-ms-lease-id'));
}

/** `?comp=properties`: each group of properties is left alone unless one of its headers came. */
export function setProperties(exchange: Exchange, blob: PageBlob): void {
  requireEmptyBody(exchange);
  const sizeBytes = blobSize(exchange, 'optional');
  const sequenceNumber = nextSequenceNumber(exchange, blob.state.sequenceNumber);
  const isResizeOrSequence = sizeBytes !== undefined || sequenceNumber !== undefined;
  const hasHttp = Object.keys(exchange.request.headers).some((name) =>
    /^x-ms-blob-(content-(type|encoding|language|md5|disposition)|cache-control)$/.test(name),
  );
  checkBlobWrite(exchange, blob);
  if (sizeBytes !== undefined) {
    blob.content.resize(sizeBytes);
  }
  touch(blob, {
    ...(sequenceNumber === undefined ? {} : { sequenceNumber }),
    // Set Blob Properties clears what it does not name, unless it is only about size or sequence.
    ...(hasHttp || !isResizeOrSequence ? { http: readHttpProperties(exchange) } : {}),
  });
  sendEmpty(exchange, 200, {
    ...identityHeaders(blob.state),
    'x-ms-blob-sequence-number': blob.state.sequenceNumber,
  });
}

function nextSequenceNumber(exchange: Exchange, current: number): number | undefined {
  const action = header(exchange, 'x-ms-sequence-number-action')?.toLowerCase();
  const given = readSequenceNumber(exchange);
  switch (action) {
    case undefined:
      return undefined;
    case 'increment':
      if (given !== undefined) {
        throw storageErrors.invalidHeader('x-ms-blob-sequence-number', String(given));
      }
      if (current + 1 >= MAX_SEQUENCE_NUMBER) {
        throw storageErrors.sequenceNumberIncrementTooLarge();
      }
      return current + 1;
    case 'max':
    case 'update':
      if (given === undefined) {
        throw storageErrors.missingHeader('x-ms-blob-sequence-number');
      }
      return action === 'max' ? Math.max(current, given) : given;
    default:
      throw storageErrors.invalidHeader('x-ms-sequence-number-action', action);
  }
}

/** `?comp=metadata`: replaces all metadata. */
export function setMetadata(exchange: Exchange, blob: PageBlob): void {
  requireEmptyBody(exchange);
  const metadata = readMetadata(exchange);
  checkBlobWrite(exchange, blob);
  touch(blob, { metadata });
  sendEmpty(exchange, 200, writtenHeaders(blob.state));
}

/**
 * Snapshot Blob. Metadata of the request replace those of the base in the snapshot, which then has
 * an ETag of its own. A leased blob needs no lease id, but a given one must be right
 * (Azure/azure-cli#5856).
 */
export function snapshotBlob(exchange: Exchange, blob: PageBlob): void {
  requireEmptyBody(exchange);
  const metadata = readMetadata(exchange);
  checkWriteConditions(exchange, blob.state);
  blob.lease.checkRead(Date.now(), header(exchange, 'x-ms-lease-id'));
  const hasMetadata = Object.keys(metadata).length > 0;
  const state: BlobState = hasMetadata
    ? { ...blob.state, metadata, etag: newEtag(), lastModifiedMs: Date.now() }
    : blob.state;
  const time = newSnapshotTime();
  blob.snapshots.set(time, {
    time,
    image: blob.content.snapshot(),
    state,
    generation: blob.generation,
  });
  sendEmpty(exchange, 201, { ...writtenHeaders(state), 'x-ms-snapshot': time });
}

/** Delete Blob, of a snapshot or of a base with or without its snapshots. */
export function deleteBlob(
  exchange: Exchange,
  blob: PageBlob,
  snapshotTime: string | null,
  blobs: PageBlobs,
): void {
  const scope = header(exchange, 'x-ms-delete-snapshots')?.toLowerCase();
  if (scope !== undefined && scope !== 'include' && scope !== 'only') {
    throw storageErrors.invalidHeader('x-ms-delete-snapshots', scope);
  }
  if (snapshotTime !== null) {
    if (scope !== undefined) {
      throw storageErrors.invalidHeader('x-ms-delete-snapshots', scope);
    }
    const snapshot = blob.snapshots.get(snapshotTime);
    if (snapshot === undefined) {
      throw storageErrors.blobNotFound();
    }
    checkWriteConditions(exchange, snapshot.state);
    blob.snapshots.delete(snapshotTime);
  } else {
    checkBlobWrite(exchange, blob);
    if (scope === 'only') {
      blob.snapshots.clear();
    } else if (blob.snapshots.size > 0 && scope === undefined) {
      throw storageErrors.snapshotsPresent();
    } else {
      blobs.remove(exchange.account, blob);
    }
  }
  sendEmpty(exchange, 202, { 'x-ms-delete-type-permanent': 'true' });
}
