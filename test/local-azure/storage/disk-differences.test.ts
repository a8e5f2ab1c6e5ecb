import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChangedRange, PageStore } from '../contracts.ts';
import { createPageStore } from '../pages/page-store.ts';
import { exportedDifferences } from './disk-differences.ts';
import { withVhdFooter } from './vhd-footer.ts';

const SECTORS = 300;

type Step =
  | { readonly kind: 'write' | 'clear'; readonly sector: number; readonly count: number }
  | { readonly kind: 'resize'; readonly sectors: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('write' as const, 'clear' as const),
      sector: fc.nat(SECTORS - 1),
      count: fc.integer({ min: 1, max: 150 }),
    }),
    fc.record({
      kind: fc.constant('resize' as const),
      sectors: fc.integer({ min: 1, max: SECTORS }),
    }),
  ),
  { maxLength: 8 },
);

function run(store: PageStore, program: readonly Step[], fill: number): void {
  for (const step of program) {
    if (step.kind === 'resize') {
      store.resize(step.sectors * 512);
      continue;
    }
    const sectors = store.sizeBytes / 512;
    const from = step.sector % sectors;
    const lengthBytes = Math.min(step.count, sectors - from) * 512;
    if (step.kind === 'write') {
      store.write(from * 512, Buffer.alloc(lengthBytes, fill));
    } else {
      store.clear(from * 512, lengthBytes);
    }
  }
}

describe('exportedDifferences', () => {
  it('turn a copy of the previous export into the current one, whole or by windows', () => {
    fc.assert(
      fc.property(steps, steps, fc.integer({ min: 1, max: 80 }), (first, second, window) => {
        const store = createPageStore(SECTORS * 512);
        run(store, first, 1);
        const previous = store.snapshot();
        run(store, second, 2);
        const current = store.snapshot();
        const before = withVhdFooter(previous, 'disk');
        const after = withVhdFooter(current, 'disk');
        const copy = Buffer.alloc(after.sizeBytes);
        before.read(0, Math.min(before.sizeBytes, after.sizeBytes)).copy(copy);
        const ranges: ChangedRange[] = [];
        for (let start = 0; start < after.sizeBytes; start += window * 512) {
          const end = Math.min(start + window * 512, after.sizeBytes);
          ranges.push(...exportedDifferences(current, previous, { start, end }));
        }
        for (const { start, end, kind } of ranges) {
          if (kind === 'clear') {
            copy.fill(0, start, end);
          } else {
            after.read(start, end - start).copy(copy, start);
          }
        }
        expect(copy.equals(after.read(0, after.sizeBytes))).toBe(true);
        const sorted = ranges.every(({ start }, index) => start >= (ranges[index - 1]?.end ?? 0));
        expect(sorted).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});
