import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pointIdOf } from '../../../lib/catalog/identifiers.ts';
import { comparePointsNewestFirst } from '../../../lib/catalog/point-order.ts';
import {
  copyRowKey,
  copyRowKeyRange,
  madeRowKey,
  pointRowKey,
} from '../../../lib/catalog/row-keys.ts';

const pointIds = fc
  .record({
    at: fc.date({ min: new Date('2000-01-01'), max: new Date('2200-01-01'), noInvalidDate: true }),
    random: fc.integer({ min: 0, max: 0xffffffff }),
  })
  .map(({ at, random }) => pointIdOf(at, random.toString(16).padStart(8, '0')));

describe('row keys', () => {
  it('sort as text as points do by time, newest first', () => {
    fc.assert(
      fc.property(fc.array(pointIds, { maxLength: 20 }), (ids) => {
        const byKey = [...ids].sort((a, b) => (pointRowKey(a) < pointRowKey(b) ? -1 : 1));
        const byTime = ids
          .map((pointId) => ({ pointId, vmKey: 'v' }))
          .sort(comparePointsNewestFirst)
          .map((point) => point.pointId);
        expect(byKey).toEqual(byTime);
      }),
    );
  });

  it('keep the copies of one point together, and others out', () => {
    fc.assert(
      fc.property(pointIds, pointIds, fc.constantFrom('primary', 'zz-9', 'A'), (one, two, copy) => {
        const { from, to } = copyRowKeyRange(one);
        const isInside = (key: string) => key >= from && key < to;
        expect(isInside(copyRowKey(one, copy))).toBe(true);
        expect(isInside(copyRowKey(two, copy))).toBe(one === two);
      }),
    );
  });

  it('hold no character that Table Storage forbids', () => {
    expect(() => copyRowKey('p-20261123T181501Z-1a2b3c4d', 'a/b')).toThrow('cannot name a copy');
    const id = '/subscriptions/S/resourceGroups/g/providers/Microsoft.Compute/disks/d?#';
    expect(madeRowKey({ kind: 'disk', resourceId: id })).toMatch(/^disk-[0-9a-f]{16}$/);
  });

  it('know an ARM id in any case, and a blob only in its own', () => {
    const key = (resourceId: string) => madeRowKey({ kind: 'disk', resourceId });
    expect(key('/subscriptions/S/x')).toBe(key('/SUBSCRIPTIONS/s/X'));
    expect(key('account/container/a')).not.toBe(key('account/container/A'));
  });
});
