/** Properties and metadata of page blobs, from request headers and to response headers. */
import { newEtag } from './blob-clock.ts';
import type { Exchange, ResponseHeaders } from './exchange.ts';
import { header } from './exchange.ts';
import type { BlobState, BlobView, CopyState, HttpProperties, PageBlob } from './page-blob.ts';
import { StorageError, storageErrors } from './storage-error.ts';

const MAX_METADATA_BYTES = 8 * 1024;
const METADATA_PREFIX = 'x-ms-meta-';

/** `x-ms-meta-*` with the case of their names kept. Refuses names that are no C# identifiers, and more than 8 KiB. */
export function readMetadata(exchange: Exchange): Record<string, string> {
  const metadata: Record<string, string> = {};
  const raw = exchange.request.rawHeaders;
  let bytes = 0;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    if (name.toLowerCase().startsWith(METADATA_PREFIX)) {
      const key = name.slice(METADATA_PREFIX.length);
      const value = raw[index + 1] ?? '';
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
        throw storageErrors.invalidMetadata();
      }
      bytes += key.length + value.length;
      metadata[key] = value;
    }
  }
  if (bytes > MAX_METADATA_BYTES) {
    throw new StorageError({
      status: 400,
      code: 'MetadataTooLarge',
      message: 'The metadata specified exceeds the maximum permissible limit (8KB).',
    });
  }
  return metadata;
}

/** `x-ms-blob-content-*` and `x-ms-blob-cache-control`; what is absent is unset. */
export function readHttpProperties(exchange: Exchange): HttpProperties {
  const optional = (key: keyof HttpProperties, name: string) => {
    const value = header(exchange, name);
    return value === undefined ? {} : { [key]: value };
  };
  return {
    contentType: header(exchange, 'x-ms-blob-content-type') ?? 'application/octet-stream',
    ...optional('contentEncoding', 'x-ms-blob-content-encoding'),
    ...optional('contentLanguage', 'x-ms-blob-content-language'),
    ...optional('contentMd5', 'x-ms-blob-content-md5'),
    ...optional('cacheControl', 'x-ms-blob-cache-control'),
    ...optional('contentDisposition', 'x-ms-blob-content-disposition'),
  };
}

/** Changes a blob: new ETag, new Last-Modified; an expired or broken lease is gone for good. */
export function touch(blob: PageBlob, change: Partial<BlobState> = {}): void {
  const nowMs = Date.now();
  blob.state = { ...blob.state, ...change, etag: newEtag(), lastModifiedMs: nowMs };
  blob.lease.noteWrite(nowMs);
}

/** RFC 1123, as in Last-Modified. */
export function httpDate(ms: number): string {
  return new Date(ms).toUTCString();
}

/** How a copy stands now, in the words of the headers. */
export function copyProgress(copy: CopyState): {
  readonly status: 'pending' | 'success';
  readonly progress: string;
  readonly completedAt: string | undefined;
} {
  return Date.now() < copy.completedMs
    ? { status: 'pending', progress: `0/${copy.totalBytes}`, completedAt: undefined }
    : {
        status: 'success',
        progress: `${copy.totalBytes}/${copy.totalBytes}`,
        completedAt: httpDate(copy.completedMs),
      };
}

/** Throws PendingCopyOperation while a copy into the blob is under way. */
export function refuseWhileCopying(blob: PageBlob): void {
  const { copy } = blob.state;
  if (copy !== undefined && copyProgress(copy).status === 'pending') {
    throw storageErrors.pendingCopy();
  }
}

/** What every answer about a blob carries. */
export function identityHeaders(state: BlobState): ResponseHeaders {
  return { etag: state.etag, 'last-modified': httpDate(state.lastModifiedMs) };
}

/** The headers of a write's answer. */
export function writtenHeaders(state: BlobState): ResponseHeaders {
  return { ...identityHeaders(state), 'x-ms-request-server-encrypted': 'true' };
}

/** The headers of Get Blob and Get Blob Properties. */
export function propertyHeaders(view: BlobView, query: URLSearchParams): ResponseHeaders {
  const { state, snapshot, blob } = view;
  const { http, copy } = state;
  const lease = snapshot === undefined ? blob.lease.view(Date.now()) : undefined;
  const headers: Record<string, string | number | undefined> = {
    ...identityHeaders(state),
    'accept-ranges': 'bytes',
    'content-type': query.get('rsct') ?? http.contentType,
    'content-encoding': query.get('rsce') ?? http.contentEncoding,
    'content-language': query.get('rscl') ?? http.contentLanguage,
    'cache-control': query.get('rscc') ?? http.cacheControl,
    'content-disposition': query.get('rscd') ?? http.contentDisposition,
    'content-md5': http.contentMd5,
    'x-ms-blob-type': 'PageBlob',
    'x-ms-blob-sequence-number': state.sequenceNumber,
    'x-ms-creation-time': httpDate(state.createdMs),
    'x-ms-server-encrypted': 'true',
    'x-ms-lease-state': lease?.state,
    'x-ms-lease-status': lease?.status,
    'x-ms-lease-duration': lease?.duration,
  };
  if (copy !== undefined) {
    headers['x-ms-copy-id'] = copy.id;
    headers['x-ms-copy-source'] = copy.source;
    const { status, progress, completedAt } = copyProgress(copy);
    headers['x-ms-copy-status'] = status;
    headers['x-ms-copy-progress'] = progress;
    headers['x-ms-copy-completion-time'] = completedAt;
    headers['x-ms-copy-destination-snapshot'] = copy.destinationSnapshot;
    headers['x-ms-incremental-copy'] = blob.incremental === undefined ? undefined : 'true';
  }
  for (const [name, value] of Object.entries(state.metadata)) {
    headers[`${METADATA_PREFIX}${name}`] = value;
  }
  return headers;
}
