import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SEGMENT_BYTES, segmentCountOf, segmentRangeOf } from '../../../lib/digest/segments.ts';

test('segments cover an image without gap or overlap, and only the last one may be short', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 64 }), (size, part) => {
      const ranges = Array.from({ length: segmentCountOf(size, part) }, (_, index) =>
        segmentRangeOf(index, size, part),
      );
      expect(ranges[0]?.start).toBe(0);
      expect(ranges.at(-1)?.end).toBe(size);
      for (const [index, range] of ranges.entries()) {
        const length = range.end - range.start;
        const next = ranges[index + 1];
        if (next === undefined) {
          expect(length).toBeGreaterThan(0);
          expect(length).toBeLessThanOrEqual(part);
        } else {
          expect(length).toBe(part);
          expect(next.start).toBe(range.end);
        }
      }
    }),
  );
});

test('a segment has 1 GiB where nothing else is said', () => {
  expect(segmentCountOf(SEGMENT_BYTES)).toBe(1);
  expect(segmentCountOf(SEGMENT_BYTES + 1)).toBe(2);
  expect(segmentRangeOf(1, 2 ** 31 + 512)).toEqual({ start: 2 ** 30, end: 2 ** 31 });
});
