/** Bytes `start` to `end` (exclusive) of an image. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A range that was written, or cleared: not allocated any more, reads as zeros. */
export interface ChangedRange extends ByteRange {
  readonly kind: 'write' | 'clear';
}

export const lengthOf = (range: ByteRange): number => range.end - range.start;

/** The same bytes as ascending ranges that neither overlap nor touch; empty ones are dropped. */
export const normalizeRanges = (ranges: readonly ByteRange[]): ByteRange[] =>
  mergeOverGaps(ranges, 0);

/** As `normalizeRanges`, and ranges at most `maxGapBytes` apart become one. */
export const mergeOverGaps = (ranges: readonly ByteRange[], maxGapBytes: number): ByteRange[] => {
  const merged: { start: number; end: number }[] = [];
  const ascending = ranges
    .filter((range) => range.end > range.start)
    .sort((a, b) => a.start - b.start);
  for (const { start, end } of ascending) {
    const last = merged.at(-1);
    if (last !== undefined && start - last.end <= maxGapBytes) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
};

export const unionRanges = (left: readonly ByteRange[], right: readonly ByteRange[]): ByteRange[] =>
  normalizeRanges([...left, ...right]);

/** What is in `ranges` and not in `taken`. */
export const subtractRanges = (
  ranges: readonly ByteRange[],
  taken: readonly ByteRange[],
): ByteRange[] => {
  const holes = normalizeRanges(taken);
  const left: ByteRange[] = [];
  let next = 0;
  for (const range of normalizeRanges(ranges)) {
    let start = range.start;
    // Both lists ascend: a hole that ends before this range cannot meet a later one.
    while ((holes[next]?.end ?? Number.POSITIVE_INFINITY) <= range.start) next += 1;
    for (let at = next; start < range.end; at += 1) {
      const hole = holes[at];
      if (hole === undefined || hole.start >= range.end) break;
      if (hole.start > start) left.push({ start, end: hole.start });
      start = Math.max(start, hole.end);
    }
    if (start < range.end) left.push({ start, end: range.end });
  }
  return left;
};

export const intersectRanges = (
  left: readonly ByteRange[],
  right: readonly ByteRange[],
): ByteRange[] => subtractRanges(left, subtractRanges(left, right));

/** The parts of `ranges` inside `window`. */
export const clipRanges = (ranges: readonly ByteRange[], window: ByteRange): ByteRange[] =>
  normalizeRanges(
    ranges.map(({ start, end }) => ({
      start: Math.max(start, window.start),
      end: Math.min(end, window.end),
    })),
  );

/** `ranges` grown to whole units (pages, sectors), but not beyond `limit`. */
export const widenRanges = (
  ranges: readonly ByteRange[],
  unitBytes: number,
  limit: number,
): ByteRange[] =>
  normalizeRanges(
    normalizeRanges(ranges).map(({ start, end }) => ({
      start: Math.floor(start / unitBytes) * unitBytes,
      end: Math.min(Math.ceil(end / unitBytes) * unitBytes, limit),
    })),
  );

/**
 * Parts of at most `maxBytes` that begin and end at multiples of `unitBytes`, except at the outer
 * ends. `maxBytes` must be a multiple of `unitBytes`.
 */
export const splitRange = (range: ByteRange, maxBytes: number, unitBytes: number): ByteRange[] => {
  if (maxBytes < unitBytes || maxBytes % unitBytes !== 0) {
    throw new RangeError(`${maxBytes} is not a multiple of ${unitBytes}`);
  }
  const parts: ByteRange[] = [];
  for (let start = range.start; start < range.end; ) {
    const unitStart = Math.floor(start / unitBytes) * unitBytes;
    const end = Math.min(unitStart + maxBytes, range.end);
    parts.push({ start, end });
    start = end;
  }
  return parts;
};
