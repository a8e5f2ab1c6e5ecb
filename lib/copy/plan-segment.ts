import { PAGE_BYTES } from '../digest/page-sum.ts';
import {
  type ByteRange,
  type ChangedRange,
  clipRanges,
  intersectRanges,
  mergeOverGaps,
  splitRange,
  subtractRanges,
  unionRanges,
  widenRanges,
} from '../transfer/byte-ranges.ts';

/** What is known about one window of a disk before it is copied. All ranges lie inside `window`. */
export interface SegmentFacts {
  readonly window: ByteRange;
  readonly sizeBytes: number;
  /** Ranges that the source has allocated. */
  readonly allocated: readonly ByteRange[];
  /** Ranges of the target that may hold another point's content. */
  readonly dirty: readonly ByteRange[];
  /** Increments only: how the source differs from the one that was copied before. */
  readonly change?: {
    readonly changed: readonly ChangedRange[];
    /** Ranges that the earlier source has allocated. */
    readonly previousAllocated: readonly ByteRange[];
    readonly previousSizeBytes: number;
  };
}

/** One request's worth of copying. */
export interface Piece {
  /** What is written: 512-byte sectors. */
  readonly write: ByteRange;
  /** `write` grown to whole digest pages; no two pieces share a page. */
  readonly pages: ByteRange;
}

export interface SegmentPlan {
  readonly pieces: readonly Piece[];
  readonly clears: readonly ByteRange[];
  /** Whole pages that are not written but must be added to the digest. */
  readonly addPages: readonly ByteRange[];
  /** Whole pages whose earlier content is taken out of the digest. */
  readonly subtractPages: readonly ByteRange[];
}

/** What to copy, clear and sum up so that the window of the target equals the source's. Pure. */
export const planSegment = (
  facts: SegmentFacts,
  options: { readonly requestBytes: number; readonly mergeGapBytes: number },
): SegmentPlan => {
  const { window, sizeBytes, allocated, dirty, change } = facts;
  const pagesOf = (ranges: readonly ByteRange[]): ByteRange[] =>
    widenRanges(ranges, PAGE_BYTES, sizeBytes);
  const changed = (kind: ChangedRange['kind']): ByteRange[] =>
    clipRanges(change?.changed.filter((range) => range.kind === kind) ?? [], window);
  const parts = (ranges: readonly ByteRange[]): ByteRange[] =>
    ranges.flatMap((range) => splitRange(range, options.requestBytes, PAGE_BYTES));

  const wanted =
    change === undefined
      ? clipRanges(allocated, window)
      : unionRanges(changed('write'), intersectRanges(clipRanges(dirty, window), allocated));
  const unallocatedDirt = subtractRanges(clipRanges(dirty, window), allocated);
  // At least a page's gap between two writes, so that no page belongs to two of them.
  const writes = mergeOverGaps(wanted, Math.max(options.mergeGapBytes, PAGE_BYTES));
  const clears = subtractRanges([...unallocatedDirt, ...changed('clear')], writes);

  const writtenPages = pagesOf(writes);
  const clearedPages = change === undefined ? [] : subtractRanges(pagesOf(clears), writtenPages);
  return {
    pieces: parts(writes).map((write) => ({
      write,
      pages: {
        start: Math.floor(write.start / PAGE_BYTES) * PAGE_BYTES,
        end: Math.min(Math.ceil(write.end / PAGE_BYTES) * PAGE_BYTES, sizeBytes),
      },
    })),
    clears,
    // What neither snapshot has allocated is zero and counts nothing: no need to read it.
    addPages: parts(intersectRanges(clearedPages, pagesOf(allocated))),
    subtractPages: parts(
      intersectRanges(
        [...writtenPages, ...clearedPages],
        widenRanges(change?.previousAllocated ?? [], PAGE_BYTES, change?.previousSizeBytes ?? 0),
      ),
    ),
  };
};
