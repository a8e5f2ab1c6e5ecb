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
