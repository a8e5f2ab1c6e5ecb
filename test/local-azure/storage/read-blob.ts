/** Get Blob, Get Blob Properties, Get Blob Metadata. */
import type { ByteRange } from '../contracts.ts';
import { identityHeaders, propertyHeaders } from './blob-properties.ts';
import { checkReadConditions } from './conditions.ts';
import { md5Of } from './content-checks.ts';
import { crc64 } from './crc64.ts';
import type { Exchange } from './exchange.ts';
import { header, sendBytes, sendEmpty } from './exchange.ts';
import type { BlobView } from './page-blob.ts';
import { readRange } from './range-headers.ts';
import { storageErrors } from './storage-error.ts';
import { refuseStructuredBody } from './write-pages.ts';

const MAX_CHECKED_RANGE_BYTES = 4 * 2 ** 20;
/** More than this is sent in parts. */
const MAX_PART_BYTES = 8 * 2 ** 20;

/** Conditions and lease of a read: 304 or 412. */
export function checkRead(exchange: Exchange, view: BlobView): void {
  checkReadConditions(exchange, view.state);
  if (view.snapshot === undefined) {
    view.blob.lease.checkRead(Date.now(), header(exchange, 'x-ms-lease-id'));
  }
}

/** `HEAD`: Get Blob Properties. */
export function getProperties(exchange: Exchange, view: BlobView): void {
  checkRead(exchange, view);
  sendEmpty(exchange, 200, {
    ...propertyHeaders(view, exchange.query),
    'content-length': view.content.sizeBytes,
  });
}

/** `GET` or `HEAD ?comp=metadata`. */
export function getMetadata(exchange: Exchange, view: BlobView): void {
  checkRead(exchange, view);
  const metadata = Object.entries(view.state.metadata).map(([name, value]) => [
    `x-ms-meta-${name}`,
    value,
  ]);
  sendEmpty(exchange, 200, { ...identityHeaders(view.state), ...Object.fromEntries(metadata) });
}

/** `GET`: the whole or a range; InvalidRange when it begins outside. */
export async function getBlob(exchange: Exchange, view: BlobView): Promise<void> {
  refuseStructuredBody(exchange);
  const { sizeBytes } = view.content;
  checkRead(exchange, view);
  const range = readRange(exchange, sizeBytes);
  const whole: ByteRange = range ?? { start: 0, end: sizeBytes };
  const lengthBytes = whole.end - whole.start;
  const properties = propertyHeaders(view, exchange.query);
  const headers =
    range === undefined
      ? properties
      : {
          ...properties,
          // A range has no MD5 of the whole but under another name.
          'content-md5': undefined,
          'x-ms-blob-content-md5': properties['content-md5'],
          'content-range': `bytes ${range.start}-${range.end - 1}/${sizeBytes}`,
        };
  const status = range === undefined ? 200 : 206;
  if (lengthBytes <= MAX_PART_BYTES) {
    const data = view.content.read(whole.start, lengthBytes);
    sendBytes(exchange, status, data, { ...headers, ...rangeChecksum(exchange, range, data) });
    return;
  }
  rangeChecksum(exchange, range, undefined);
  // A base blob may change while its parts are sent: they are read from one moment.
  const content = view.snapshot === undefined ? view.blob.content.snapshot() : view.content;
  const { response } = exchange;
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) {
      response.setHeader(name, value);
    }
  }
  response.setHeader('content-length', lengthBytes);
  response.statusCode = status;
  for (let start = whole.start; start < whole.end && !response.destroyed; start += MAX_PART_BYTES) {
    const part = content.read(start, Math.min(MAX_PART_BYTES, whole.end - start));
    if (!response.write(part)) {
      await new Promise<void>((resolve) => {
        const go = () => {
          response.off('drain', go).off('close', go);
          resolve();
        };
        response.on('drain', go).on('close', go);
      });
    }
  }
  response.end();
}

/** `x-ms-range-get-content-md5` and `-crc64`: of a range of at most 4 MiB. */
function rangeChecksum(
  exchange: Exchange,
  range: ByteRange | undefined,
  data: Buffer | undefined,
): Readonly<Record<string, string>> {
  const wantsMd5 = header(exchange, 'x-ms-range-get-content-md5') === 'true';
  const wantsCrc = header(exchange, 'x-ms-range-get-content-crc64') === 'true';
  if (!wantsMd5 && !wantsCrc) {
    return {};
  }
  const name = wantsMd5 ? 'x-ms-range-get-content-md5' : 'x-ms-range-get-content-crc64';
  if (range === undefined || data === undefined || data.length > MAX_CHECKED_RANGE_BYTES) {
    throw storageErrors.invalidHeader(name, 'true');
  }
  return wantsMd5 ? { 'content-md5': md5Of(data) } : { 'x-ms-content-crc64': crc64(data) };
}
