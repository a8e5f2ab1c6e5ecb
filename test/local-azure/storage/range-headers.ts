/** Byte ranges of requests: `x-ms-range` wins over `Range` ("Specifying the range header"). */
import type { ByteRange } from '../contracts.ts';
import { SECTOR_BYTES } from '../contracts.ts';
import type { Exchange } from './exchange.ts';
import { header } from './exchange.ts';
import { storageErrors } from './storage-error.ts';

/** `end` is undefined for `bytes=n-`, and exclusive otherwise. */
interface RequestedRange {
  readonly start: number;
  readonly end: number | undefined;
}

function parse(text: string): RequestedRange | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(text.trim());
  if (match === null) {
    return undefined;
  }
  const start = Number(match[1]);
  return { start, end: match[2] === '' ? undefined : Number(match[2]) + 1 };
}

function rangeHeader(exchange: Exchange): { name: string; text: string } | undefined {
  for (const name of ['x-ms-range', 'range']) {
    const text = header(exchange, name);
    if (text !== undefined) {
      return { name, text };
    }
  }
  return undefined;
}

/** The range to read, cut at the size; undefined for the whole. A `Range` that is no range is ignored, as HTTP says. */
export function readRange(exchange: Exchange, sizeBytes: number): ByteRange | undefined {
  const given = rangeHeader(exchange);
  if (given === undefined) {
    return undefined;
  }
  const range = parse(given.text);
  if (range === undefined) {
    if (given.name === 'range') {
      return undefined;
    }
    throw storageErrors.invalidHeader(given.name, given.text);
  }
  if (range.start >= sizeBytes || (range.end !== undefined && range.end <= range.start)) {
    throw storageErrors.invalidRange(sizeBytes);
  }
  return { start: range.start, end: Math.min(range.end ?? sizeBytes, sizeBytes) };
}

/** The window of Get Page Ranges, widened to whole pages. */
export function pageListWindow(exchange: Exchange, sizeBytes: number): ByteRange {
  const range = readRange(exchange, sizeBytes);
  if (range === undefined) {
    return { start: 0, end: sizeBytes };
  }
  return {
    start: range.start - (range.start % SECTOR_BYTES),
    end: Math.min(sizeBytes, Math.ceil(range.end / SECTOR_BYTES) * SECTOR_BYTES),
  };
}

/** The pages that Put Page is about: both ends given, on sector boundaries, inside the blob. */
export function pageWriteRange(exchange: Exchange, sizeBytes: number): ByteRange {
  const given = rangeHeader(exchange);
  if (given === undefined) {
    throw storageErrors.missingHeader('x-ms-range');
  }
  const range = parse(given.text);
  if (range === undefined || range.end === undefined) {
    throw storageErrors.invalidHeader(given.name, given.text);
  }
  const isAligned = range.start % SECTOR_BYTES === 0 && range.end % SECTOR_BYTES === 0;
  if (!isAligned || range.end <= range.start || range.end > sizeBytes) {
    throw storageErrors.invalidPageRange();
  }
  return { start: range.start, end: range.end };
}

/** `x-ms-source-range`: both ends given. */
export function sourceRange(exchange: Exchange): ByteRange {
  const text = header(exchange, 'x-ms-source-range');
  if (text === undefined) {
    throw storageErrors.missingHeader('x-ms-source-range');
  }
  const range = parse(text);
  if (range === undefined || range.end === undefined || range.end <= range.start) {
    throw storageErrors.invalidHeader('x-ms-source-range', text);
  }
  if (range.start % SECTOR_BYTES !== 0 || range.end % SECTOR_BYTES !== 0) {
    throw storageErrors.invalidPageRange();
  }
  return { start: range.start, end: range.end };
}
