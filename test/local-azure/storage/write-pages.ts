/** Put Page, Put Page From URL, clear. */
import type { ByteRange } from '../contracts.ts';
import { touch, writtenHeaders } from './blob-properties.ts';
import { checkSequenceNumber, checkWriteConditions } from './conditions.ts';
import { bodyChecksums, checkContent, sourceChecksums } from './content-checks.ts';
import type { ReadCopySource } from './copy-source.ts';
import { sourceRequest } from './copy-source.ts';
import type { Exchange, ResponseHeaders } from './exchange.ts';
import { header, sendEmpty, withBody } from './exchange.ts';
import type { PageBlob } from './page-blob.ts';
import { MAX_PAGE_WRITE_BYTES } from './page-blob.ts';
import { pageWriteRange, sourceRange } from './range-headers.ts';
import { StorageError, storageErrors } from './storage-error.ts';

export interface PageWriteParts {
  readonly readCopySource: ReadCopySource;
}

/** Any `PUT ?comp=page` to a page blob that exists. */
export async function putPage(
  exchange: Exchange,
  blob: PageBlob,
  parts: PageWriteParts,
): Promise<void> {
  refuseStructuredBody(exchange);
  const kind = header(exchange, 'x-ms-page-write');
  const copySource = header(exchange, 'x-ms-copy-source');
  if (kind === undefined) {
    throw storageErrors.missingHeader('x-ms-page-write');
  }
  if (kind.toLowerCase() === 'clear') {
    clearPages(exchange, blob);
  } else if (kind.toLowerCase() !== 'update') {
    throw storageErrors.invalidHeader('x-ms-page-write', kind);
  } else if (copySource === undefined) {
    await updatePages(exchange, blob);
  } else {
    await updatePagesFromUrl(exchange, blob, copySource, parts);
  }
}

function updatePages(exchange: Exchange, blob: PageBlob): Promise<void> {
  return withBody(exchange, MAX_PAGE_WRITE_BYTES, (body) => {
    const range = pageWriteRange(exchange, blob.content.sizeBytes);
    if (range.end - range.start > MAX_PAGE_WRITE_BYTES) {
      throw storageErrors.bodyTooLarge(MAX_PAGE_WRITE_BYTES);
    }
    if (body.length !== range.end - range.start) {
      throw body.length === 0
        ? storageErrors.invalidHeader('Content-Length', '0')
        : storageErrors.invalidPageRange();
    }
    const checksum = checkContent(exchange, body, bodyChecksums);
    checkPageWrite(exchange, blob);
    blob.content.write(range.start, body);
    blob.counters.putPageBytes += body.length;
    finish(exchange, blob, checksum);
  });
}

async function updatePagesFromUrl(
  exchange: Exchange,
  blob: PageBlob,
  copySource: string,
  parts: PageWriteParts,
): Promise<void> {
  requireEmptyBody(exchange);
  const range = pageWriteRange(exchange, blob.content.sizeBytes);
  const source = sourceRange(exchange);
  const lengthBytes = range.end - range.start;
  if (lengthBytes > MAX_PAGE_WRITE_BYTES) {
    throw storageErrors.bodyTooLarge(MAX_PAGE_WRITE_BYTES);
  }
  if (source.end - source.start !== lengthBytes) {
    throw storageErrors.invalidPageRange();
  }
  checkPageWrite(exchange, blob);
  const data = await parts.readCopySource({
    ...sourceRequest(exchange, copySource),
    range: source,
  });
  const checksum = checkContent(exchange, data, sourceChecksums);
  // The source took time: what was allowed before may not be now.
  pageWriteRange(exchange, blob.content.sizeBytes);
  checkPageWrite(exchange, blob);
  blob.content.write(range.start, data);
  blob.counters.putPageFromUrlBytes += data.length;
  finish(exchange, blob, checksum);
}

function clearPages(exchange: Exchange, blob: PageBlob): void {
  requireEmptyBody(exchange);
  const range: ByteRange = pageWriteRange(exchange, blob.content.sizeBytes);
  checkPageWrite(exchange, blob);
  blob.content.clear(range.start, range.end - range.start);
  finish(exchange, blob, {});
}

function checkPageWrite(exchange: Exchange, blob: PageBlob): void {
  checkWriteConditions(exchange, blob.state);
  checkSequenceNumber(exchange, blob.state.sequenceNumber);
  blob.lease.checkWrite(Date.now(), header(exchange, 'x-ms-lease-id'));
}

function finish(exchange: Exchange, blob: PageBlob, checksum: ResponseHeaders): void {
  touch(blob);
  sendEmpty(exchange, 201, {
    ...writtenHeaders(blob.state),
    ...checksum,
    'x-ms-blob-sequence-number': blob.state.sequenceNumber,
  });
}

export function requireEmptyBody(exchange: Exchange): void {
  const lengthText = header(exchange, 'content-length');
  if (lengthText !== undefined && lengthText !== '0') {
    throw storageErrors.invalidHeader('Content-Length', lengthText);
  }
}

/** A structured body wraps the data in frames; stored as it is, it would be taken for the data. */
export function refuseStructuredBody(exchange: Exchange): void {
  if (header(exchange, 'x-ms-structured-body') !== undefined) {
    throw new StorageError({
      status: 400,
      code: 'UnsupportedHeader',
      message: 'One of the HTTP headers specified in the request is not supported.',
      elements: { HeaderName: 'x-ms-structured-body' },
    });
  }
}
