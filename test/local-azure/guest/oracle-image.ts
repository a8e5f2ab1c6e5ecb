import type { ByteRange } from '../contracts.ts';
import { BLOCK_BYTES, makeBlock } from './block-content.ts';
import type { Journal } from './journal.ts';

/** A disk as the journal says that it was after write number `order`. */
export interface OracleImage {
  readonly sizeBytes: number;
  readonly order: number;
  /** Not to be written to. */
  read(offset: number, lengthBytes: number): Buffer;
  /** Ascending and disjoint; everything outside is zero. */
  allocatedRanges(): ByteRange[];
  /** Offsets of the blocks that the journal overlays, ascending. */
  readonly writtenOffsets: readonly number[];
}

/** Replays the journal up to and including `order` over the disk's base. */
export function replayDisk(journal: Journal, disk: number, order: number): OracleImage {
  const { base, baseOrder, diskId } = journal.disk(disk);
  if (order < baseOrder || order > journal.lastOrder) {
    throw new RangeError(
      `${diskId} can be replayed to order numbers ${baseOrder} to ${journal.lastOrder}, not ${order}`,
    );
  }
  const newestByOffset = new Map<number, number>();
  for (let at = baseOrder + 1; at <= order; at += 1) {
    const entry = journal.entry(at);
    if (entry.disk === disk) newestByOffset.set(entry.offset, at);
  }
  const writtenOffsets = [...newestByOffset.keys()].sort((a, b) => a - b);

  return {
    sizeBytes: base.sizeBytes,
    order,
    writtenOffsets,
    read(offset, lengthBytes) {
      const end = offset + lengthBytes;
      let at = firstAtOrAfter(writtenOffsets, offset - BLOCK_BYTES + 1);
      if ((writtenOffsets[at] ?? end) >= end) return base.read(offset, lengthBytes);
      const data = Buffer.from(base.read(offset, lengthBytes));
      for (; at < writtenOffsets.length; at += 1) {
        const blockOffset = writtenOffsets[at];
        if (blockOffset === undefined || blockOffset >= end) break;
        const block = makeBlock(journal.entry(newestByOffset.get(blockOffset) ?? 0));
        const from = Math.max(0, offset - blockOffset);
        block.copy(
          data,
          Math.max(0, blockOffset - offset),
          from,
          Math.min(BLOCK_BYTES, end - blockOffset),
        );
      }
      return data;
    },
    allocatedRanges() {
      const written = writtenOffsets.map((start) => ({ start, end: start + BLOCK_BYTES }));
      return joinRanges([...base.allocatedRanges(), ...written]);
    },
  };
}

/** The bytes that the journal's writes between two order numbers touched, each counted once. */
export function changedBytesBetween(
  journal: Journal,
  disk: number,
  afterOrder: number,
  untilOrder: number,
): number {
  const ranges: ByteRange[] = [];
  for (let at = afterOrder + 1; at <= untilOrder; at += 1) {
    const entry = journal.entry(at);
    if (entry.disk === disk) ranges.push({ start: entry.offset, end: entry.offset + BLOCK_BYTES });
  }
  return joinRanges(ranges).reduce((sum, range) => sum + range.end - range.start, 0);
}

/** Ascending, disjoint, neighbours joined. */
export function joinRanges(ranges: readonly ByteRange[]): ByteRange[] {
  const joined: { start: number; end: number }[] = [];
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && range.start <= last.end) last.end = Math.max(last.end, range.end);
    else if (range.end > range.start) joined.push({ ...range });
  }
  return joined;
}

function firstAtOrAfter(sorted: readonly number[], wanted: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
