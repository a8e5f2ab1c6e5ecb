import type { PageBlobClient } from '@azure/storage-blob';
import { BackupError } from '../errors.ts';
import { type ByteRange, normalizeRanges } from '../transfer/byte-ranges.ts';
import { limitedSignal } from './request-limits.ts';

/** Reads of page blobs, their snapshots and managed disks, which speak the same protocol. */

const READ_LIMIT_MS = 60_000;
const LIST_LIMIT_MS = 120_000;

/**
 * Fills `into` with the bytes from `offset` on. The body is read as a stream: the SDK's
 * `downloadToBuffer` takes half as long again and many times the memory.
 */
export async function readPages(
  client: PageBlobClient,
  offset: number,
  into: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  // The SDK puts no end to a body that does not come.
  const abortSignal = limitedSignal(READ_LIMIT_MS, signal);
  const answer = await client.download(offset, into.length, { abortSignal });
  const body = answer.readableStreamBody;
  let filled = 0;
  if (body !== undefined) {
    for await (const chunk of body) {
      const bytes = chunk as unknown as Uint8Array;
      if (filled + bytes.length > into.length) break;
      into.set(bytes, filled);
      filled += bytes.length;
    }
  }
  if (filled !== into.length) {
    throw new BackupError(
      'TruncatedRead',
      `Of ${into.length} bytes from offset ${offset} only ${filled} came`,
    );
  }
}

/** Ranges inside `window` that hold data. */
export async function listPageRanges(
  client: PageBlobClient,
  window: ByteRange,
  signal?: AbortSignal,
): Promise<ByteRange[]> {
  const options = { abortSignal: limitedSignal(LIST_LIMIT_MS, signal) };
  const count = window.end - window.start;
  const ranges: ByteRange[] = [];
  for await (const { start, end } of client.listPageRanges(window.start, count, options)) {
    ranges.push({ start, end: end + 1 });
  }
  return clampTo(ranges, window);
}

/** Ranges inside `window` that differ in any way from an earlier snapshot of the same blob. */
export async function listChangedPages(
  client: PageBlobClient,
  window: ByteRange,
  sinceSnapshot: string,
  signal?: AbortSignal,
): Promise<ByteRange[]> {
  const options = { abortSignal: limitedSignal(LIST_LIMIT_MS, signal) };
  const count = window.end - window.start;
  const found = client.listPageRangesDiff(window.start, count, sinceSnapshot, options);
  const ranges: ByteRange[] = [];
  for await (const { start, end } of found) ranges.push({ start, end: end + 1 });
  return clampTo(ranges, window);
}

/** A service may answer ranges that reach over the window that was asked for. */
export const clampTo = <R extends ByteRange>(
  ranges: readonly R[],
  window: ByteRange,
): ByteRange[] =>
  normalizeRanges(
    ranges.map(({ start, end }) => ({
      start: Math.max(start, window.start),
      end: Math.min(end, window.end),
    })),
  );
