import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ByteRange,
  clipRanges,
  intersectRanges,
  lengthOf,
  mergeOverGaps,
  normalizeRanges,
  splitRange,
  subtractRanges,
  unionRanges,
  widenRanges,
} from '../../../lib/transfer/byte-ranges.ts';

const LIMIT = 64;
const totalLengthOf = (ranges: readonly ByteRange[]): number =>
  ranges.reduce((sum, one) => sum + lengthOf(one), 0);
const range = fc
  .tuple(fc.nat(LIMIT), fc.nat(LIMIT))
  .map(([a, b]): ByteRange => ({ start: Math.min(a, b), end: Math.max(a, b) }));
const ranges = fc.array(range, { maxLength: 8 });

const bytesOf = (list: readonly ByteRange[]): Set<number> => {
  const bytes = new Set<number>();
  for (const { start, end } of list) for (let at = start; at < end; at += 1) bytes.add(at);
  return bytes;
};

/** The set operations of ES2025 by way of membership. */
const combine = (
  a: ReadonlySet<number>,
  b: ReadonlySet<number>,
  keep: (inA: boolean, inB: boolean) => boolean,
): Set<number> =>
  new Set(Array.from({ length: LIMIT }, (_, at) => at).filter((at) => keep(a.has(at), b.has(at))));

const isNormal = (list: readonly ByteRange[]): boolean =>
  list.every(
    (one, index) => one.start < one.end && (index === 0 || (list[index - 1]?.end ?? 0) < one.start),
  );

describe('ranges hold exactly the bytes that sets say', () => {
  test('union, subtraction, intersection', () => {
    fc.assert(
      fc.property(ranges, ranges, (left, right) => {
        const [a, b] = [bytesOf(left), bytesOf(right)];
        const union = unionRanges(left, right);
        expect(bytesOf(union)).toEqual(combine(a, b, (x, y) => x || y));
        const difference = subtractRanges(left, right);
        expect(bytesOf(difference)).toEqual(combine(a, b, (x, y) => x && !y));
        const both = intersectRanges(left, right);
        expect(bytesOf(both)).toEqual(combine(a, b, (x, y) => x && y));
        expect([union, difference, both].every(isNormal)).toBe(true);
        expect(totalLengthOf(union)).toBe(combine(a, b, (x, y) => x || y).size);
      }),
      { numRuns: 300 },
    );
  });

  test('clipping and widening', () => {
    fc.assert(
      fc.property(ranges, range, fc.integer({ min: 1, max: 9 }), (list, window, unit) => {
        expect(bytesOf(clipRanges(list, window))).toEqual(
          combine(bytesOf(list), bytesOf([window]), (x, y) => x && y),
        );
        const widened = bytesOf(widenRanges(list, unit, LIMIT));
        for (let at = 0; at < LIMIT; at += 1) {
          const first = Math.floor(at / unit) * unit;
          const touched = [...bytesOf(list)].some((byte) => byte >= first && byte < first + unit);
          expect(widened.has(at)).toBe(touched);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test('merging over gaps joins neighbours that are near, and only these', () => {
  fc.assert(
    fc.property(ranges, fc.nat(6), (list, gap) => {
      const merged = mergeOverGaps(list, gap);
      const before = normalizeRanges(list);
      expect(subtractRanges(before, merged)).toEqual([]);
      for (const [index, one] of merged.entries()) {
        const next = merged[index + 1];
        if (next !== undefined) expect(next.start - one.end).toBeGreaterThan(gap);
      }
      for (const filled of subtractRanges(merged, before)) {
        expect(filled.end - filled.start).toBeLessThanOrEqual(gap);
      }
    }),
    { numRuns: 200 },
  );
});

test('splitting gives aligned parts of bounded size that make up the range', () => {
  fc.assert(
    fc.property(range, fc.constantFrom(4, 8, 12), (one, most) => {
      const parts = splitRange(one, most, 4);
      expect(bytesOf(parts)).toEqual(bytesOf([one]));
      expect(totalLengthOf(parts)).toBe(one.end - one.start);
      for (const part of parts) {
        expect(part.end - part.start).toBeLessThanOrEqual(most);
        if (part.start !== one.start) expect(part.start % 4).toBe(0);
      }
      expect(parts.length).toBeLessThanOrEqual(Math.ceil((one.end - one.start) / most) + 1);
    }),
    { numRuns: 200 },
  );
  expect(() => splitRange({ start: 0, end: 9 }, 6, 4)).toThrow(RangeError);
});
