/** Sparse content of disks and page blobs: cheap snapshots, true differences between them. */
import type { ByteRange, ChangedRange, PageImage, PageStore } from '../contracts.ts';
import { SECTOR_BYTES } from '../contracts.ts';
import type { Chunk, Chunks } from './chunk.ts';
import {
  allocatedRangesOf,
  CHUNK_BYTES,
  changedRangesOf,
  chunkIndexes,
  clearChunk,
  cloneChunk,
  createChunk,
  hasAllocated,
  readChunks,
  stampOf,
  writeChunk,
} from './chunk.ts';

/** Where an image comes from, so that only real ancestors are compared. */
interface Origin {
  readonly store: object;
  readonly generation: number;
  /** The image that `store` was forked from. */
  readonly forkedFrom: Origin | undefined;
}

const origins = new WeakMap<PageImage, Origin>();
const contents = new WeakMap<PageImage, Chunks>();

/**
 * An empty store of `sizeBytes`, a multiple of 512 (RangeError otherwise). Memory and time go with
 * what was written, not with the size: a store of several TiB is fine.
 */
export function createPageStore(sizeBytes: number): PageStore {
  return openStore(sizeBytes, new Map(), undefined);
}

function openStore(
  initialBytes: number,
  initial: Chunks,
  forkedFrom: Origin | undefined,
): PageStore {
  requireSectors('size', initialBytes);
  const identity = {};
  let sizeBytes = initialBytes;
  let chunks = new Map(initial);
  // Stamps of a fork are later than every stamp that it starts with.
  let generation = forkedFrom === undefined ? 1 : forkedFrom.generation + 1;
  let era: object = {};
  let latest: PageImage | undefined;

  function writableChunk(index: number, keepContent: boolean): Chunk {
    const existing = chunks.get(index);
    if (existing?.madeIn === era) {
      return existing;
    }
    const chunk =
      existing === undefined ? createChunk(era) : cloneChunk(existing, era, keepContent);
    chunks.set(index, chunk);
    return chunk;
  }

  function clearWithin(index: number, from: number, until: number): void {
    const existing = chunks.get(index);
    if (existing !== undefined && hasAllocated(existing, from, until)) {
      clearChunk(writableChunk(index, true), from, until, generation);
    }
  }

  function clearRange(range: ByteRange): void {
    latest = undefined;
    for (const index of chunkIndexes(chunks, range)) {
      const base = index * CHUNK_BYTES;
      clearWithin(index, Math.max(0, range.start - base), Math.min(CHUNK_BYTES, range.end - base));
    }
  }

  return {
    get sizeBytes() {
      return sizeBytes;
    },

    read(offset, lengthBytes) {
      requireInside(offset, lengthBytes, sizeBytes);
      return readChunks(chunks, offset, lengthBytes);
    },

    write(offset, data) {
      requireSectors('offset', offset);
      requireSectors('length', data.length);
      requireInside(offset, data.length, sizeBytes);
      latest = undefined;
      let position = 0;
      while (position < data.length) {
        const index = Math.floor((offset + position) / CHUNK_BYTES);
        const from = offset + position - index * CHUNK_BYTES;
        const lengthBytes = Math.min(CHUNK_BYTES - from, data.length - position);
        const chunk = writableChunk(index, lengthBytes < CHUNK_BYTES);
        writeChunk(chunk, from, data.subarray(position, position + lengthBytes), generation);
        position += lengthBytes;
      }
    },

    clear(offset, lengthBytes) {
      requireSectors('offset', offset);
      requireSectors('length', lengthBytes);
      requireInside(offset, lengthBytes, sizeBytes);
      clearRange({ start: offset, end: offset + lengthBytes });
    },

    resize(newSizeBytes) {
      requireSectors('size', newSizeBytes);
      if (newSizeBytes < sizeBytes) {
        // What is cut off reads as zeros if the store grows again.
        clearRange({ start: newSizeBytes, end: sizeBytes });
      }
      latest = undefined;
      sizeBytes = newSizeBytes;
    },

    allocatedRanges(window) {
      return allocatedRangesOf(chunks, windowWithin(window, sizeBytes));
    },

    snapshot() {
      if (latest === undefined) {
        // The image takes the map, the store goes on with a copy whose chunks it no longer owns.
        latest = openImage(sizeBytes, chunks, { store: identity, generation, forkedFrom });
        chunks = new Map(chunks);
        era = {};
        generation += 1;
      }
      return latest;
    },
  };
}

function openImage(sizeBytes: number, chunks: Chunks, origin: Origin): PageImage {
  let sorted: readonly number[] | undefined;
  const sortedIndexes = () => {
    sorted ??= [...chunks.keys()].sort((a, b) => a - b);
    return sorted;
  };
  const image: PageImage = {
    sizeBytes,
    read(offset, lengthBytes) {
      requireInside(offset, lengthBytes, sizeBytes);
      return readChunks(chunks, offset, lengthBytes);
    },
    allocatedRanges(window) {
      return allocatedRangesOf(chunks, windowWithin(window, sizeBytes), sortedIndexes());
    },
    changedSince(previous, window): ChangedRange[] {
      const previousOrigin = origins.get(previous);
      if (previousOrigin === undefined || !isAncestor(previousOrigin, origin)) {
        throw new RangeError('the previous image is not an earlier image of the same store');
      }
      const { generation } = previousOrigin;
      return changedRangesOf(chunks, generation, windowWithin(window, sizeBytes), sortedIndexes());
    },
    fork() {
      return openStore(sizeBytes, chunks, origin);
    },
  };
  origins.set(image, origin);
  contents.set(image, chunks);
  return image;
}

/**
 * The image with one byte flipped, in the same place of its history: differences do not show the
 * change. The image itself stays as it is.
 */
export function damageImage(image: PageImage, offset: number): PageImage {
  requireInside(offset, 1, image.sizeBytes);
  const chunks = new Map(contents.get(image));
  const origin = origins.get(image);
  if (origin === undefined) {
    throw new RangeError('not an image of a page store');
  }
  const index = Math.floor(offset / CHUNK_BYTES);
  const era = {};
  const existing = chunks.get(index);
  const chunk = existing === undefined ? createChunk(era) : cloneChunk(existing, era, true);
  const sector = Math.floor((offset % CHUNK_BYTES) / SECTOR_BYTES);
  const stamp = stampOf(chunk, sector);
  const data = readChunks(chunks, offset - (offset % SECTOR_BYTES), SECTOR_BYTES);
  const position = offset % SECTOR_BYTES;
  data.writeUInt8(data.readUInt8(position) ^ 0xff, position);
  const { latestStamp } = chunk;
  writeChunk(chunk, sector * SECTOR_BYTES, data, stamp);
  chunk.latestStamp = latestStamp;
  chunks.set(index, chunk);
  return openImage(image.sizeBytes, chunks, origin);
}

function isAncestor(previous: Origin, current: Origin): boolean {
  for (let at: Origin | undefined = current; at !== undefined; at = at.forkedFrom) {
    if (at.store === previous.store) {
      return previous.generation <= at.generation;
    }
  }
  return false;
}

function windowWithin(window: ByteRange | undefined, sizeBytes: number): ByteRange {
  if (window === undefined) {
    return { start: 0, end: sizeBytes };
  }
  const start = Math.min(Math.max(0, window.start), sizeBytes);
  return { start, end: Math.max(start, Math.min(window.end, sizeBytes)) };
}

function requireSectors(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value % SECTOR_BYTES !== 0) {
    throw new RangeError(`${name} must be a multiple of ${SECTOR_BYTES}, got ${value}`);
  }
}

function requireInside(offset: number, lengthBytes: number, sizeBytes: number): void {
  const isRange = Number.isSafeInteger(offset) && Number.isSafeInteger(lengthBytes);
  if (!isRange || offset < 0 || lengthBytes < 0 || offset + lengthBytes > sizeBytes) {
    throw new RangeError(`${offset} + ${lengthBytes} is outside the size of ${sizeBytes}`);
  }
}
