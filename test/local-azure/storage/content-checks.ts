/** Checksums of a request, compared with the bytes that really came. */
import { createHash } from 'node:crypto';
import { crc64 } from './crc64.ts';
import type { Exchange } from './exchange.ts';
import { header } from './exchange.ts';
import { storageErrors } from './storage-error.ts';

export interface ChecksumHeaders {
  readonly md5: string;
  readonly crc64: string;
}

export const bodyChecksums: ChecksumHeaders = { md5: 'content-md5', crc64: 'x-ms-content-crc64' };
export const sourceChecksums: ChecksumHeaders = {
  md5: 'x-ms-source-content-md5',
  crc64: 'x-ms-source-content-crc64',
};

/** Base64, as in Content-MD5. */
export function md5Of(data: Buffer): string {
  return createHash('md5').update(data).digest('base64');
}

/**
 * Compares `data` with the checksum named in the request; the mismatch codes are Md5Mismatch and
 * Crc64Mismatch. Returns the response headers that repeat the checksum. Azure also answers with a
 * CRC-64 that nobody asked for; that costs more than the write itself here and is left out.
 */
export function checkContent(
  exchange: Exchange,
  data: Buffer,
  names: ChecksumHeaders,
): Readonly<Record<string, string>> {
  const md5 = header(exchange, names.md5);
  const crc = header(exchange, names.crc64);
  if (md5 !== undefined && crc !== undefined) {
    throw storageErrors.bothMd5AndCrc64();
  }
  if (md5 !== undefined) {
    if (Buffer.from(md5, 'base64').length !== 16) {
      throw storageErrors.invalidMd5();
    }
    const actual = md5Of(data);
    if (actual !== md5) {
      throw storageErrors.md5Mismatch(md5, actual);
    }
    return { 'content-md5': actual };
  }
  if (crc !== undefined) {
    if (Buffer.from(crc, 'base64').length !== 8) {
      throw storageErrors.invalidHeader(names.crc64, crc);
    }
    const actual = crc64(data);
    if (actual !== crc) {
      throw storageErrors.crc64Mismatch(crc, actual);
    }
    return { 'x-ms-content-crc64': actual };
  }
  return {};
}
