import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPageSum, PAGE_BYTES, ZERO_SUM } from '../../../lib/digest/page-sum.ts';
import {
  createSegmentSums,
  mergeSegmentSums,
  segmentCountOf,
  segmentRangeOf,
} from '../../../lib/digest/segments.ts';

const SEGMENT = 4 * PAGE_BYTES;

test('each segment has the sum of its own pages at their offsets in the image', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (fills) => {
      const image = Buffer.concat(Array.from(fills, (fill) => Buffer.alloc(PAGE_BYTES, fill)));
      const sums = createSegmentSums(image.length, SEGMENT);
      sums.add(0, image);
      const expected = [];
      for (let index = 0; index < segmentCountOf(image.length, SEGMENT); index += 1) {
        const { start, end } = segmentRangeOf(index, image.length, SEGMENT);
        const sum = createPageSum();
        sum.add(start, image.subarray(start, end));
        expected.push(sum.toHex());
      }
      expect(sums.toHex()).toEqual(expected);
    }),
    { numRuns: 40 },
  );
});

test('sums of two halves of the work merge to the sums of the whole', () => {
  const image = Buffer.concat([1, 2, 3, 4, 5, 6].map((fill) => Buffer.alloc(PAGE_BYTES, fill)));
  const whole = createSegmentSums(image.length, SEGMENT);
  whole.add(0, image);
  const left = createSegmentSums(image.length, SEGMENT);
  left.add(0, image.subarray(0, 3 * PAGE_BYTES));
  const right = createSegmentSums(image.length, SEGMENT);
  right.add(3 * PAGE_BYTES, image.subarray(3 * PAGE_BYTES));
  expect(mergeSegmentSums(left.toHex(), right.toHex())).toEqual(whole.toHex());
  whole.subtract(0, image);
  expect(whole.toHex()).toEqual([ZERO_SUM, ZERO_SUM]);
});

test('refuses bytes outside of the image and different numbers of segments', () => {
  const sums = createSegmentSums(PAGE_BYTES, SEGMENT);
  expect(() => sums.add(0, Buffer.alloc(2 * PAGE_BYTES))).toThrow(RangeError);
  expect(() => mergeSegmentSums([ZERO_SUM], [])).toThrow(RangeError);
  expect(() => createSegmentSums(PAGE_BYTES, 1000)).toThrow(RangeError);
});
