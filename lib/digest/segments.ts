import { addSums, createPageSum, type HexSum, PAGE_BYTES, type PageSum } from './page-sum.ts';

/** Default size of the parts of an image that have a sum of their own. */
export const SEGMENT_BYTES = 1024 ** 3;

/** How many segments an image of `sizeBytes` has; the last one may be short. */
export const segmentCountOf = (sizeBytes: number, segmentBytes: number = SEGMENT_BYTES): number =>
  Math.ceil(sizeBytes / segmentBytes);

/** The bytes of segment `index`; `end` is exclusive. */
export const segmentRangeOf = (
  index: number,
  sizeBytes: number,
  segmentBytes: number = SEGMENT_BYTES,
): { readonly start: number; readonly end: number } => ({
  start: index * segmentBytes,
  end: Math.min((index + 1) * segmentBytes, sizeBytes),
});

/** Page sums of a whole image, one for each segment. */
export interface SegmentSums {
  /** As `PageSum.add`; `bytes` may span segments. */
  add(offset: number, bytes: Uint8Array): void;
  /** As `PageSum.subtract`; `bytes` may span segments. */
  subtract(offset: number, bytes: Uint8Array): void;
  toHex(): readonly HexSum[];
}

/** `segmentBytes` must be a multiple of 4096. */
export const createSegmentSums = (
  sizeBytes: number,
  segmentBytes: number = SEGMENT_BYTES,
): SegmentSums => {
  if (segmentBytes <= 0 || segmentBytes % PAGE_BYTES !== 0) {
    throw new RangeError(`Segment size ${segmentBytes} is not a multiple of ${PAGE_BYTES}`);
  }
  const sums = Array.from({ length: segmentCountOf(sizeBytes, segmentBytes) }, createPageSum);

  const account = (
    offset: number,
    bytes: Uint8Array,
    apply: (sum: PageSum, offset: number, bytes: Uint8Array) => void,
  ): void => {
    if (offset + bytes.length > sizeBytes) {
      throw new RangeError(`Bytes up to ${offset + bytes.length} lie outside of ${sizeBytes}`);
    }
    let at = 0;
    while (at < bytes.length) {
      const index = Math.floor((offset + at) / segmentBytes);
      const end = Math.min(bytes.length, (index + 1) * segmentBytes - offset);
      const sum = sums[index];
      if (sum === undefined) throw new RangeError(`There is no segment ${index}`);
      apply(sum, offset + at, bytes.subarray(at, end));
      at = end;
    }
  };

  return {
    add: (offset, bytes) => account(offset, bytes, (sum, at, part) => sum.add(at, part)),
    subtract: (offset, bytes) => account(offset, bytes, (sum, at, part) => sum.subtract(at, part)),
    toHex: () => sums.map((sum) => sum.toHex()),
  };
};

/** Adds sums of the same segments, index by index. */
export const mergeSegmentSums = (
  left: readonly HexSum[],
  right: readonly HexSum[],
): readonly HexSum[] => {
  if (left.length !== right.length) {
    throw new RangeError(`${left.length} segments cannot be added to ${right.length}`);
  }
  return left.map((sum, index) => addSums(sum, right[index] ?? ''));
};
