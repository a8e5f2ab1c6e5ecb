/** Requests to page blobs: which are ours, who may make them, what they do. */
import type { Access, AuthorizationParts } from './authorize.ts';
import { authorize, requirePermission } from './authorize.ts';
import { refuseWhileCopying } from './blob-properties.ts';
import { abortCopy, copyBlob } from './copy-blob.ts';
import { copyIncrementally, refuseOnIncrementalCopy } from './copy-incrementally.ts';
import type { CopySources } from './copy-sources.ts';
import type { Exchange } from './exchange.ts';
import { header } from './exchange.ts';
import { leaseBlob } from './lease-blob.ts';
import { listPages } from './list-pages.ts';
import type { BlobView, PageBlob, PageBlobs } from './page-blob.ts';
import { checkRead, getBlob, getMetadata, getProperties } from './read-blob.ts';
import type { RequestLimiter } from './request-limits.ts';
import { storageErrors } from './storage-error.ts';
import { deleteBlob, putPageBlob, setMetadata, setProperties, snapshotBlob } from './write-blob.ts';
import { putPage } from './write-pages.ts';

/** What Azurite knows of a name that is no page blob of ours. */
export type ElsewhereState = 'no container' | 'no blob' | 'another blob type';

export interface PageBlobParts {
  readonly blobs: PageBlobs;
  readonly authorization: AuthorizationParts;
  readonly copySources: CopySources;
  readonly limiter: RequestLimiter;
  readonly remoteCopyMs: number;
  lookElsewhere(account: string, container: string, blob: string): Promise<ElsewhereState>;
}

/** Letters of a SAS, any of which allows the operation ("Create a service SAS", permissions). */
const PERMISSIONS: Readonly<Record<string, string>> = {
  GET: 'r',
  HEAD: 'r',
  'GET metadata': 'r',
  'HEAD metadata': 'r',
  'GET pagelist': 'r',
  PUT: 'cw',
  'PUT page': 'w',
  'PUT properties': 'w',
  'PUT metadata': 'w',
  'PUT lease': 'w',
  'PUT snapshot': 'cw',
  'PUT copy': 'w',
  'PUT incrementalcopy': 'cw',
  DELETE: 'd',
};

function operationOf(exchange: Exchange): string {
  return `${exchange.method} ${exchange.query.get('comp') ?? ''}`.trim();
}

/** Whether a request to a blob is about a page blob, existing or to be made. */
export function isPageBlobRequest(exchange: Exchange, parts: PageBlobParts): boolean {
  if (parts.blobs.find(exchange.account, exchange.container, exchange.blob) !== undefined) {
    return true;
  }
  switch (operationOf(exchange)) {
    case 'PUT':
      if (header(exchange, 'x-ms-blob-type')?.toLowerCase() === 'pageblob') {
        return true;
      }
      return (
        header(exchange, 'x-ms-requires-sync') === undefined &&
        parts.copySources.knows(header(exchange, 'x-ms-copy-source') ?? '')
      );
    case 'PUT page':
    case 'PUT incrementalcopy':
    case 'GET pagelist':
      return true;
    default:
      return false;
  }
}

/** Headers and parameters that would change what is done, and that are not understood here. */
const UNSUPPORTED_HEADERS = [
  'x-ms-tags',
  'x-ms-if-tags',
  'x-ms-source-if-tags',
  'x-ms-encryption-key',
  'x-ms-encryption-scope',
  'x-ms-immutability-policy-until-date',
  'x-ms-legal-hold',
  'x-ms-access-tier',
  'x-ms-source-lease-id',
];
const UNSUPPORTED_PARAMETERS = ['versionid', 'deletetype'];

function refuseUnsupported(exchange: Exchange): void {
  const found =
    UNSUPPORTED_HEADERS.find((name) => header(exchange, name) !== undefined) ??
    UNSUPPORTED_PARAMETERS.find((name) => exchange.query.has(name));
  if (found !== undefined) {
    throw storageErrors.unsupportedOperation(`${found} on a page blob`);
  }
}

/** Throws what it refuses as a StorageError. */
export async function answerPageBlobRequest(
  exchange: Exchange,
  parts: PageBlobParts,
): Promise<void> {
  const operation = operationOf(exchange);
  const access = await authorize(exchange, parts.authorization);
  const isLeaseBreak =
    operation === 'PUT lease' && header(exchange, 'x-ms-lease-action')?.toLowerCase() === 'break';
  requirePermission(access, isLeaseBreak ? 'wd' : (PERMISSIONS[operation] ?? 'w'));
  refuseUnsupported(exchange);
  const find = () => parts.blobs.find(exchange.account, exchange.container, exchange.blob);
  if (find() === undefined) {
    const elsewhere = await parts.lookElsewhere(
      exchange.account,
      exchange.container,
      exchange.blob,
    );
    if (elsewhere === 'no container') {
      throw storageErrors.containerNotFound();
    }
    if (elsewhere === 'another blob type') {
      throw storageErrors.invalidBlobType();
    }
  }
  const blob = find();
  if (operation === 'PUT') {
    await putOrCopy(exchange, access, blob, parts);
    return;
  }
  if (operation === 'PUT incrementalcopy') {
    await copyIncrementally(exchange, access, blob, {
      blobs: parts.blobs,
      openCopySource: (source) => parts.copySources.open(source, { exchange, access }),
    });
    return;
  }
  if (blob === undefined) {
    throw storageErrors.blobNotFound();
  }
  refuseOnIncrementalCopy(blob, operation, exchange.query.has('snapshot'));
  admit(exchange, blob, parts);
  await answerExisting(exchange, operation, blob, parts);
}

function admit(exchange: Exchange, blob: PageBlob, parts: PageBlobParts): void {
  blob.counters.requests += 1;
  const written = Number(header(exchange, 'content-length') ?? 0);
  const range = /^bytes=(\d+)-(\d+)$/.exec(
    header(exchange, 'x-ms-range') ?? header(exchange, 'range') ?? '',
  );
  const isData = exchange.query.get('comp') === null || exchange.query.get('comp') === 'page';
  const isClear = header(exchange, 'x-ms-page-write')?.toLowerCase() === 'clear';
  const ranged = isData && !isClear && range !== null ? Number(range[2]) - Number(range[1]) + 1 : 0;
  parts.limiter.admit(blob, Math.max(written, ranged));
}

async function putOrCopy(
  exchange: Exchange,
  access: Access,
  blob: PageBlob | undefined,
  parts: PageBlobParts,
): Promise<void> {
  if (exchange.query.has('snapshot')) {
    throw storageErrors.invalidOperationOnSnapshot();
  }
  if (header(exchange, 'x-ms-copy-source') !== undefined) {
    if (header(exchange, 'x-ms-requires-sync') !== undefined) {
      // Copy Blob From URL and Put Blob From URL are about block blobs only.
      throw storageErrors.invalidBlobType();
    }
    const openCopySource: Parameters<typeof copyBlob>[3]['openCopySource'] = (source) =>
      parts.copySources.open(source, { exchange, access });
    const isOurs = await copyBlob(exchange, access, blob, {
      blobs: parts.blobs,
      openCopySource,
      remoteCopyMs: parts.remoteCopyMs,
    });
    if (!isOurs) {
      // The source was there when the request was taken, and is gone now.
      throw storageErrors.cannotVerifyCopySource(404, 'The specified blob does not exist.');
    }
    return;
  }
  const type = header(exchange, 'x-ms-blob-type');
  if (type === undefined) {
    throw storageErrors.missingHeader('x-ms-blob-type');
  }
  if (type.toLowerCase() !== 'pageblob') {
    throw storageErrors.invalidBlobType();
  }
  if (blob !== undefined) {
    refuseOnIncrementalCopy(blob, 'PUT', false);
    refuseWhileCopying(blob);
  }
  putPageBlob(exchange, access, blob, parts.blobs);
}

async function answerExisting(
  exchange: Exchange,
  operation: string,
  blob: PageBlob,
  parts: PageBlobParts,
): Promise<void> {
  switch (operation) {
    case 'GET':
      await getBlob(exchange, viewOf(exchange, blob));
      return;
    case 'HEAD':
      getProperties(exchange, viewOf(exchange, blob));
      return;
    case 'GET metadata':
    case 'HEAD metadata':
      getMetadata(exchange, viewOf(exchange, blob));
      return;
    case 'GET pagelist': {
      const view = viewOf(exchange, blob);
      checkRead(exchange, view);
      listPages(exchange, view);
      return;
    }
    case 'DELETE':
      deleteBlob(exchange, blob, exchange.query.get('snapshot'), parts.blobs);
      return;
    default:
      break;
  }
  if (exchange.query.has('snapshot')) {
    throw storageErrors.invalidOperationOnSnapshot();
  }
  if (operation !== 'PUT copy' && operation !== 'PUT lease') {
    refuseWhileCopying(blob);
  }
  switch (operation) {
    case 'PUT page':
      await putPage(exchange, blob, { readCopySource: parts.copySources.read });
      return;
    case 'PUT properties':
      setProperties(exchange, blob);
      return;
    case 'PUT metadata':
      setMetadata(exchange, blob);
      return;
    case 'PUT lease':
      leaseBlob(exchange, blob);
      return;
    case 'PUT snapshot':
      snapshotBlob(exchange, blob);
      return;
    case 'PUT copy':
      abortCopy(exchange, blob);
      return;
    case 'PUT block':
    case 'PUT blocklist':
    case 'GET blocklist':
    case 'PUT appendblock':
    case 'PUT seal':
      throw storageErrors.invalidBlobType();
    default:
      throw storageErrors.unsupportedOperation(`${operation} of a page blob`);
  }
}

function viewOf(exchange: Exchange, blob: PageBlob): BlobView {
  const time = exchange.query.get('snapshot');
  if (time === null) {
    return { content: blob.content, state: blob.state, blob, snapshot: undefined };
  }
  const snapshot = blob.snapshots.get(time);
  if (snapshot === undefined) {
    throw storageErrors.blobNotFound();
  }
  return { content: snapshot.image, state: snapshot.state, blob, snapshot };
}
