/** A 64 KiB piece of a page store, and what can be read from a set of them. */
import type { ByteRange, ChangedRange } from '../contracts.ts';
import { SECTOR_BYTES } from '../contracts.ts';

export const CHUNK_BYTES = 65_536;
const SECTORS_PER_CHUNK = CHUNK_BYTES / SECTOR_BYTES;

/**
 * Most chunks are written as a whole and then have no tables of their own: fewer objects, since a
 * disk of 1 GiB has 16,384 chunks and every collection of garbage visits them.
 */
export interface Chunk {
  /** The store generation that made this chunk; any later generation must clone before it writes. */
  readonly madeIn: object;
  /** Undefined while no sector is allocated. Unallocated sectors hold zeros. */
  data: Buffer | undefined;
  /** 1 per allocated sector; undefined: all of them when there is data, else none. */
  allocated: Uint8Array | undefined;
  /** Generation of the last write or clear of each sector, 0 for never; undefined: `latestStamp` for all. */
  stamps: Float64Array | undefined;
  latestStamp: number;
}

/** Chunks by index (offset / 64 KiB); a chunk stays once made, since its stamps tell of clears. */
export type Chunks = ReadonlyMap<number, Chunk>;

/** Nothing allocated, never written. */
export function createChunk(madeIn: object): Chunk {
  return { madeIn, data: undefined, allocated: undefined, stamps: undefined, latestStamp: 0 };
}

/** `keepContent` false: for a chunk that is about to be written as a whole. */
export function cloneChunk(chunk: Chunk, madeIn: object, keepContent: boolean): Chunk {
  if (!keepContent) {
    return createChunk(madeIn);
  }
  return {
    madeIn,
    data: chunk.data === undefined ? undefined : copyOf(chunk.data),
    allocated: chunk.allocated?.slice(),
    stamps: chunk.stamps?.slice(),
    latestStamp: chunk.latestStamp,
  };
}

function copyOf(data: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  data.copy(copy);
  return copy;
}

export function isAllocated(chunk: Chunk, sector: number): boolean {
  return chunk.allocated === undefined ? chunk.data !== undefined : chunk.allocated[sector] === 1;
}

export function stampOf(chunk: Chunk, sector: number): number {
  return chunk.stamps === undefined ? chunk.latestStamp : (chunk.stamps[sector] ?? 0);
}

/** Gives the chunk tables of its own, so that its sectors can differ. */
function tablesOf(chunk: Chunk): { allocated: Uint8Array; stamps: Float64Array } {
  chunk.allocated ??= new Uint8Array(SECTORS_PER_CHUNK).fill(chunk.data === undefined ? 0 : 1);
  chunk.stamps ??= new Float64Array(SECTORS_PER_CHUNK).fill(chunk.latestStamp);
  return { allocated: chunk.allocated, stamps: chunk.stamps };
}

/** Copies `data` to `from`, both multiples of a sector. */
export function writeChunk(chunk: Chunk, from: number, data: Uint8Array, stamp: number): void {
  if (data.length === CHUNK_BYTES) {
    chunk.data ??= Buffer.allocUnsafeSlow(CHUNK_BYTES);
    chunk.data.set(data);
    chunk.allocated = undefined;
    chunk.stamps = undefined;
  } else {
    const { allocated, stamps } = tablesOf(chunk);
    chunk.data ??= Buffer.alloc(CHUNK_BYTES);
    chunk.data.set(data, from);
    const first = from / SECTOR_BYTES;
    const end = first + data.length / SECTOR_BYTES;
    allocated.fill(1, first, end);
    stamps.fill(stamp, first, end);
  }
  chunk.latestStamp = stamp;
}

/** Whether a clear of these bytes would change anything. */
export function hasAllocated(chunk: Chunk, from: number, until: number): boolean {
  return chunk.allocated === undefined
    ? chunk.data !== undefined
    : chunk.allocated.subarray(from / SECTOR_BYTES, until / SECTOR_BYTES).includes(1);
}

/** Stamps only what was allocated. */
export function clearChunk(chunk: Chunk, from: number, until: number, stamp: number): void {
  const { allocated, stamps } = tablesOf(chunk);
  for (let sector = from / SECTOR_BYTES; sector < until / SECTOR_BYTES; sector++) {
    if (allocated[sector] === 1) {
      allocated[sector] = 0;
      stamps[sector] = stamp;
    }
  }
  chunk.latestStamp = stamp;
  if (allocated.includes(1)) {
    chunk.data?.fill(0, from, until);
  } else {
    chunk.data = undefined;
  }
}

/** Zeros where nothing is allocated. The caller has checked the bounds. */
export function readChunks(chunks: Chunks, offset: number, lengthBytes: number): Buffer {
  const result = Buffer.allocUnsafe(lengthBytes);
  let position = offset;
  const end = offset + lengthBytes;
  while (position < end) {
    const index = Math.floor(position / CHUNK_BYTES);
    const from = position - index * CHUNK_BYTES;
    const until = Math.min(CHUNK_BYTES, end - index * CHUNK_BYTES);
    const target = position - offset;
    const data = chunks.get(index)?.data;
    if (data === undefined) {
      result.fill(0, target, target + until - from);
    } else {
      data.copy(result, target, from, until);
    }
    position += until - from;
  }
  return result;
}

/** Indexes of existing chunks that touch `window`, ascending; `sorted` may hold all of them. */
export function chunkIndexes(
  chunks: Chunks,
  window: ByteRange,
  sorted?: readonly number[],
): number[] {
  const first = Math.floor(window.start / CHUNK_BYTES);
  const last = Math.ceil(window.end / CHUNK_BYTES) - 1;
  if (last - first < chunks.size) {
    const indexes: number[] = [];
    for (let index = first; index <= last; index++) {
      if (chunks.has(index)) {
        indexes.push(index);
      }
    }
    return indexes;
  }
  const all = sorted ?? [...chunks.keys()].sort((a, b) => a - b);
  return all.filter((index) => index >= first && index <= last);
}

export function allocatedRangesOf(
  chunks: Chunks,
  window: ByteRange,
  sorted?: readonly number[],
): ByteRange[] {
  return collectRanges(chunks, window, sorted, (chunk, sector) =>
    isAllocated(chunk, sector) ? 'write' : undefined,
  ).map(({ start, end }) => ({ start, end }));
}

/** Sectors stamped after `generation`: a write where now allocated, a clear where not. */
export function changedRangesOf(
  chunks: Chunks,
  generation: number,
  window: ByteRange,
  sorted?: readonly number[],
): ChangedRange[] {
  return collectRanges(
    chunks,
    window,
    sorted,
    (chunk, sector) =>
      stampOf(chunk, sector) > generation
        ? isAllocated(chunk, sector)
          ? 'write'
          : 'clear'
        : undefined,
    (chunk) => chunk.latestStamp <= generation,
  );
}

function collectRanges(
  chunks: Chunks,
  window: ByteRange,
  sorted: readonly number[] | undefined,
  kindOf: (chunk: Chunk, sector: number) => ChangedRange['kind'] | undefined,
  skip: (chunk: Chunk) => boolean = () => false,
): ChangedRange[] {
  const ranges: ChangedRange[] = [];
  let open: { start: number; end: number; kind: ChangedRange['kind'] } | undefined;
  for (const index of chunkIndexes(chunks, window, sorted)) {
    const chunk = chunks.get(index);
    if (chunk === undefined || skip(chunk)) {
      continue;
    }
    const base = index * CHUNK_BYTES;
    // Without tables all sectors are alike.
    const isUniform = chunk.allocated === undefined && chunk.stamps === undefined;
    const step = isUniform ? SECTORS_PER_CHUNK : 1;
    for (let sector = 0; sector < SECTORS_PER_CHUNK; sector += step) {
      const kind = kindOf(chunk, sector);
      if (kind === undefined) {
        continue;
      }
      const start = Math.max(base + sector * SECTOR_BYTES, window.start);
      const end = Math.min(base + (sector + step) * SECTOR_BYTES, window.end);
      if (start >= end) {
        continue;
      }
      if (open !== undefined && open.end === start && open.kind === kind) {
        open.end = end;
      } else {
        open = { start, end, kind };
        ranges.push(open);
      }
    }
  }
  return ranges;
}
