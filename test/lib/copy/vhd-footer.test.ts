import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createVhdFooter, geometryOf, VHD_FOOTER_BYTES } from '../../../lib/copy/vhd-footer.ts';

const GIB = 1024 ** 3;

describe('VHD footer', () => {
  test('has the fields of a fixed disk at the places that the specification gives', () => {
    const footer = createVhdFooter(32 * GIB, 'chain-1');
    expect(footer.length).toBe(VHD_FOOTER_BYTES);
    expect(footer.toString('latin1', 0, 8)).toBe('conectix');
    expect(footer.readUInt32BE(8)).toBe(2);
    expect(footer.readUInt32BE(12)).toBe(0x00010000);
    expect(footer.readBigUInt64BE(16)).toBe(0xffffffffffffffffn);
    expect(Number(footer.readBigUInt64BE(40))).toBe(32 * GIB);
    expect(Number(footer.readBigUInt64BE(48))).toBe(32 * GIB);
    expect(footer.readUInt32BE(60)).toBe(2);
    expect(footer.subarray(84).every((byte) => byte === 0)).toBe(true);
  });

  test('has a checksum that makes all bytes and itself add up to ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 33 }), fc.string(), (sectors, chain) => {
        const footer = createVhdFooter(sectors * 512, chain);
        const checksum = footer.readUInt32BE(64);
        footer.fill(0, 64, 68);
        const sum = footer.reduce((total, byte) => total + byte, 0);
        expect((checksum + sum) >>> 0).toBe(0xffffffff);
      }),
      { numRuns: 50 },
    );
  });

  test('is the same for the same disk and chain, and differs in the unique id only for another', () => {
    const footer = createVhdFooter(GIB, 'a');
    expect(createVhdFooter(GIB, 'a').equals(footer)).toBe(true);
    const other = createVhdFooter(GIB, 'b');
    expect(other.subarray(0, 64).equals(footer.subarray(0, 64))).toBe(true);
    expect(other.subarray(68, 84).equals(footer.subarray(68, 84))).toBe(false);
  });

  test.each([
    // Worked out by hand from the specification's appendix.
    [100 * 1024 ** 2, { cylinders: 1003, heads: 12, sectorsPerTrack: 17 }],
    [GIB, { cylinders: 2080, heads: 16, sectorsPerTrack: 63 }],
    [2040 * GIB, { cylinders: 65535, heads: 16, sectorsPerTrack: 255 }],
  ])('gives a disk of %i bytes its geometry', (sizeBytes, expected) => {
    expect(geometryOf(sizeBytes)).toEqual(expected);
  });

  test('has a geometry that never exceeds the disk', () => {
    fc.assert(
      fc.property(fc.integer({ min: 64, max: 2 ** 34 }), (sectors) => {
        const { cylinders, heads, sectorsPerTrack } = geometryOf(sectors * 512);
        expect(cylinders * heads * sectorsPerTrack).toBeLessThanOrEqual(sectors);
        expect(cylinders).toBeLessThanOrEqual(65535);
        expect(heads).toBeLessThanOrEqual(16);
      }),
    );
  });

  test('refuses a disk that is not made of sectors', () => {
    expect(() => createVhdFooter(1000, 'a')).toThrow(RangeError);
    expect(() => createVhdFooter(0, 'a')).toThrow(RangeError);
  });
});
