import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from './seeded-random.ts';

describe('seeded random', () => {
  it('repeats with the seed and stays within bounds', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 1000 }), (seed, max) => {
        const [one, two] = [createSeededRandom(seed), createSeededRandom(seed)];
        const value = one.integer(0, max);
        expect(value).toBe(two.integer(0, max));
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(max);
        expect(one.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
      }),
    );
  });

  it('is spread evenly enough', () => {
    const draws = createSeededRandom('spread');
    const counts = [0, 0, 0, 0];
    for (let at = 0; at < 4000; at += 1) {
      const bucket = draws.integer(0, 3);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    for (const count of counts) expect(count).toBeGreaterThan(800);
  });
});
