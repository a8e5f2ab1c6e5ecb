import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addSums,
  createPageSum,
  PAGE_BYTES,
  subtractSums,
  ZERO_SUM,
} from '../../../lib/digest/page-sum.ts';

/** The definition of docs/format.md, written down naively. */
const naiveSum = (image: Uint8Array): string => {
  let sum = 0n;
  for (let offset = 0; offset < image.length; offset += PAGE_BYTES) {
    const page = Buffer.alloc(PAGE_BYTES);
    page.set(image.subarray(offset, offset + PAGE_BYTES));
    if (page.every((byte) => byte === 0)) continue;
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(offset));
    const digest = createHash('sha256').update(prefix).update(page).digest('hex');
    sum = (sum + BigInt(`0x${digest}`)) % (1n << 256n);
  }
  return sum.toString(16).padStart(64, '0');
};

const sumOf = (image: Uint8Array): string => {
  const sum = createPageSum();
  sum.add(0, image);
  return sum.toHex();
};

/** Images of up to 12 pages, in which zero pages and pages with one late byte are common. */
const page = fc.oneof(
  fc.constant(new Uint8Array(PAGE_BYTES)),
  fc.tuple(fc.nat(PAGE_BYTES - 1), fc.integer({ min: 1, max: 255 })).map(([at, value]) => {
    const bytes = new Uint8Array(PAGE_BYTES);
    bytes[at] = value;
    return bytes;
  }),
  fc.nat(255).map((value) => new Uint8Array(PAGE_BYTES).fill(value)),
);
const image = fc.array(page, { minLength: 1, maxLength: 12 }).map((pages) => Buffer.concat(pages));

describe('page sum', () => {
  test('equals the written definition', () => {
    fc.assert(
      fc.property(image, fc.nat(PAGE_BYTES - 1), (bytes, cut) => {
        const short = bytes.subarray(0, bytes.length - cut);
        expect(sumOf(short)).toBe(naiveSum(short));
      }),
      { numRuns: 60 },
    );
  });

  test('does not depend on the order of the pages', () => {
    fc.assert(
      fc.property(image, fc.infiniteStream(fc.nat()), (bytes, order) => {
        const offsets = [];
        for (let at = 0; at < bytes.length; at += PAGE_BYTES) offsets.push(at);
        const shuffled = offsets
          .map((at) => ({ at, key: order.next().value ?? 0 }))
          .sort((a, b) => a.key - b.key);
        const sum = createPageSum();
        for (const { at } of shuffled) sum.add(at, bytes.subarray(at, at + PAGE_BYTES));
        expect(sum.toHex()).toBe(sumOf(bytes));
      }),
      { numRuns: 50 },
    );
  });

  test('adds up from slices', () => {
    fc.assert(
      fc.property(image, fc.nat(12), (bytes, cutPage) => {
        const cut = Math.min(cutPage * PAGE_BYTES, bytes.length);
        const left = createPageSum();
        left.add(0, bytes.subarray(0, cut));
        const right = createPageSum();
        right.add(cut, bytes.subarray(cut));
        expect(addSums(left.toHex(), right.toHex())).toBe(sumOf(bytes));
        expect(subtractSums(sumOf(bytes), left.toHex())).toBe(right.toHex());
      }),
      { numRuns: 50 },
    );
  });

  test('an increment by subtracting old pages and adding new ones equals computing anew', () => {
    fc.assert(
      fc.property(image, image, (before, after) => {
        const length = Math.min(before.length, after.length);
        const [old, next] = [before.subarray(0, length), after.subarray(0, length)];
        const change = createPageSum();
        for (let at = 0; at < length; at += PAGE_BYTES) {
          const oldPage = old.subarray(at, at + PAGE_BYTES);
          const newPage = next.subarray(at, at + PAGE_BYTES);
          if (Buffer.compare(oldPage, newPage) === 0) continue;
          change.subtract(at, oldPage);
          change.add(at, newPage);
        }
        expect(addSums(sumOf(old), change.toHex())).toBe(sumOf(next));
      }),
      { numRuns: 50 },
    );
  });

  test('tells apart pages that changed places', () => {
    const ones = new Uint8Array(PAGE_BYTES).fill(1);
    const twos = new Uint8Array(PAGE_BYTES).fill(2);
    expect(sumOf(Buffer.concat([ones, twos]))).not.toBe(sumOf(Buffer.concat([twos, ones])));
  });

  test('zeros count as never written, also in a short last page', () => {
    expect(sumOf(new Uint8Array(PAGE_BYTES * 3 + 512))).toBe(ZERO_SUM);
  });

  test('keeps its exactness over offsets of more than 32 bits and over carries', () => {
    const bytes = new Uint8Array(PAGE_BYTES).fill(7);
    const far = 5 * 2 ** 40 + PAGE_BYTES;
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(far));
    const digest = createHash('sha256').update(prefix).update(bytes).digest('hex');
    const sum = createPageSum();
    sum.add(far, bytes);
    expect(sum.toHex()).toBe(digest);
    sum.subtract(far, bytes);
    sum.subtract(far, bytes);
    expect(sum.toHex()).toBe(subtractSums(ZERO_SUM, digest));
  });

  test('refuses an offset inside a page and a malformed sum', () => {
    expect(() => createPageSum().add(512, new Uint8Array(PAGE_BYTES))).toThrow(RangeError);
    expect(() => addSums('ff', ZERO_SUM)).toThrow(RangeError);
  });
});
