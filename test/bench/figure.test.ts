import { describe, expect, it } from 'vitest';
import { createContext, createFigure, median, tableOf } from './figure.ts';
import { requestsFor } from './raw-client.ts';

describe('figures', () => {
  it.each([
    [0.9, '>= 0.9', true],
    [0.899, '>= 0.9', false],
    [1.2, '<= 1.2', true],
    [1.201, '<= 1.2', false],
    [0, '> 0', false],
    [0.1, '> 0', true],
  ])('judges %d against %s as %s', (value, target, holds) => {
    expect(createFigure('x', value, target, '').holds).toBe(holds);
  });

  it('judges the measured value, not the rounded one', () => {
    expect(createFigure('x', 1.20004, '<= 1.2', '')).toMatchObject({ value: 1.2, holds: false });
  });

  it('refuses a target that it cannot read', () => {
    expect(() => createFigure('x', 1, 'about 1', '')).toThrow(TypeError);
  });

  it('does not let a ratio over nothing hold', () => {
    expect(createFigure('x', Number.NaN, '<= 1', '').holds).toBe(false);
  });

  it('says in the table what does not hold', () => {
    const table = tableOf([createFigure('slow', 0.5, '>= 0.9', ''), createContext('also', 3, '')]);
    expect(table).toMatch(/^slow +0\.5 +>= 0\.9 +DOES NOT HOLD$/m);
    expect(table).toMatch(/^also +3$/m);
  });

  it('takes the middle of an even number of values', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(() => median([])).toThrow(RangeError);
  });
});

describe('the fewest requests', () => {
  it('are at most 4 MiB each and cover every range', () => {
    const mib = 1024 ** 2;
    const requests = requestsFor([
      { start: 512, end: 512 + 9 * mib },
      { start: 20 * mib, end: 20 * mib + 512 },
    ]);
    expect(requests.map(({ start, end }) => end - start)).toEqual([4 * mib, 4 * mib, mib, 512]);
    expect(requests[3]).toEqual({ start: 20 * mib, end: 20 * mib + 512 });
  });
});
