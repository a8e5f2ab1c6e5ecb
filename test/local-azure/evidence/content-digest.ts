import { hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { joinRanges } from '../guest/oracle-image.ts';
import { PAGE_BYTES, type ReadableImage, WINDOW_BYTES } from './readable-image.ts';

const SEGMENT_BYTES = 1024 ** 3;
const MODULUS_MASK = (1n << 256n) - 1n;
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

export interface ContentDigest {
  /** The sum over all segments: 64 lower-case hex digits. */
  readonly digest: string;
  /** One sum per GiB of the disk's size, the last one for what is left. */
  readonly segments: readonly string[];
}

/**
 * The sum, modulo 2^256, over all 4 KiB pages that are not all zero of SHA-256(offset as 64-bit
 * little-endian || page), the hash read as a big-endian number; one sum per 1 GiB segment. Written
 * from the formula alone. A last page that is cut off by the disk's end is filled up with zeros.
 */
export async function digestContent(image: ReadableImage): Promise<ContentDigest> {
  const segments = Array.from({ length: Math.ceil(image.sizeBytes / SEGMENT_BYTES) }, () => 0n);
  const message = Buffer.alloc(8 + PAGE_BYTES);
  const pages = joinRanges(
    image.allocatedRanges().map(({ start, end }) => ({
      start: start - (start % PAGE_BYTES),
      end: Math.min(image.sizeBytes, Math.ceil(end / PAGE_BYTES) * PAGE_BYTES),
    })),
  );
  for (const range of pages) {
    for (let offset = range.start; offset < range.end; offset += WINDOW_BYTES) {
      const data = image.read(offset, Math.min(WINDOW_BYTES, range.end - offset));
      for (let at = 0; at < data.length; at += PAGE_BYTES) {
        message.fill(0, 8);
        data.copy(message, 8, at, Math.min(at + PAGE_BYTES, data.length));
        if (message.subarray(8).equals(ZERO_PAGE)) continue;
        message.writeBigUInt64LE(BigInt(offset + at), 0);
        const segment = Math.floor((offset + at) / SEGMENT_BYTES);
        const sum = (segments[segment] ?? 0n) + BigInt(`0x${hash('sha256', message, 'hex')}`);
        segments[segment] = sum & MODULUS_MASK;
      }
      await nextTurn();
    }
  }
  const total = segments.reduce((sum, segment) => (sum + segment) & MODULUS_MASK, 0n);
  return { digest: toHex(total), segments: segments.map(toHex) };
}

function toHex(sum: bigint): string {
  return sum.toString(16).padStart(64, '0');
}
