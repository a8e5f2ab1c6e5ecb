import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChangedRange, PageImage, PageStore } from '../contracts.ts';
import { SECTOR_BYTES } from '../contracts.ts';
import { createPageStore, damageImage } from './page-store.ts';

const MAX_SECTORS = 400;

type Step =
  | { kind: 'write'; sector: number; count: number; fill: number }
  | { kind: 'clear'; sector: number; count: number }
  | { kind: 'resize'; sectors: number }
  | { kind: 'snapshot' }
  | { kind: 'fork' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('write' as const),
      sector: fc.nat(MAX_SECTORS - 1),
      count: fc.integer({ min: 1, max: 300 }),
      fill: fc.nat(255),
    }),
    fc.record({
      kind: fc.constant('clear' as const),
      sector: fc.nat(MAX_SECTORS - 1),
      count: fc.integer({ min: 1, max: 300 }),
    }),
    fc.record({
      kind: fc.constant('resize' as const),
      sectors: fc.integer({ min: 1, max: MAX_SECTORS }),
    }),
    fc.constant({ kind: 'snapshot' as const }),
    fc.constant({ kind: 'fork' as const }),
  ),
  { maxLength: 25 },
);

/** One entry per sector: what it holds and the number of the step that last touched it. */
interface Sector {
  readonly fill: number;
  readonly isAllocated: boolean;
  readonly touchedAt: number;
}

const untouched: Sector = { fill: 0, isAllocated: false, touchedAt: 0 };

interface Taken {
  readonly image: PageImage;
  readonly sectors: readonly Sector[];
  readonly takenAt: number;
}

function expectedRanges(
  sectors: readonly Sector[],
  kindOf: (sector: Sector) => ChangedRange['kind'] | undefined,
): ChangedRange[] {
  const ranges: ChangedRange[] = [];
  sectors.forEach((sector, index) => {
    const kind = kindOf(sector);
    const last = ranges.at(-1);
    const start = index * SECTOR_BYTES;
    if (kind === undefined) {
      return;
    }
    if (last !== undefined && last.end === start && last.kind === kind) {
      ranges[ranges.length - 1] = { ...last, end: start + SECTOR_BYTES };
    } else {
      ranges.push({ start, end: start + SECTOR_BYTES, kind });
    }
  });
  return ranges;
}

const allocatedIn = (sectors: readonly Sector[]) =>
  expectedRanges(sectors, (sector) => (sector.isAllocated ? 'write' : undefined)).map(
    ({ start, end }) => ({ start, end }),
  );

const bytesOf = (sectors: readonly Sector[]) =>
  Buffer.concat(sectors.map((sector) => Buffer.alloc(SECTOR_BYTES, sector.fill)));

describe('createPageStore', () => {
  it('agrees with an array of sectors in content, allocation and every difference', () => {
    fc.assert(
      fc.property(steps, (program) => {
        let store: PageStore = createPageStore(MAX_SECTORS * SECTOR_BYTES);
        // Sectors past the size are kept in the model, so that growing again finds their history.
        const model: Sector[] = Array.from({ length: MAX_SECTORS }, () => untouched);
        let size = MAX_SECTORS;
        const taken: Taken[] = [];
        const touch = (from: number, count: number, at: number, fill: number | undefined) => {
          for (let index = from; index < Math.min(from + count, MAX_SECTORS); index++) {
            const before = model[index] ?? untouched;
            if (fill !== undefined) {
              model[index] = { fill, isAllocated: true, touchedAt: at };
            } else if (before.isAllocated) {
              model[index] = { fill: 0, isAllocated: false, touchedAt: at };
            }
          }
        };
        program.forEach((step, position) => {
          const at = position + 1;
          if (step.kind === 'write' || step.kind === 'clear') {
            const sector = step.sector % size;
            const count = Math.min(step.count, size - sector);
            if (step.kind === 'write') {
              store.write(sector * SECTOR_BYTES, Buffer.alloc(count * SECTOR_BYTES, step.fill));
            } else {
              store.clear(sector * SECTOR_BYTES, count * SECTOR_BYTES);
            }
            touch(sector, count, at, step.kind === 'write' ? step.fill : undefined);
          } else if (step.kind === 'resize') {
            store.resize(step.sectors * SECTOR_BYTES);
            touch(step.sectors, MAX_SECTORS, at, undefined);
            size = step.sectors;
          } else {
            const image = store.snapshot();
            taken.push({ image, sectors: model.slice(0, size), takenAt: at });
            if (step.kind === 'fork') {
              store = image.fork();
            }
          }
        });
        taken.push({
          image: store.snapshot(),
          sectors: model.slice(0, size),
          takenAt: program.length + 1,
        });
        taken.forEach((later, index) => {
          expect(later.image.sizeBytes).toBe(later.sectors.length * SECTOR_BYTES);
          expect(later.image.read(0, later.image.sizeBytes).equals(bytesOf(later.sectors))).toBe(
            true,
          );
          expect(later.image.allocatedRanges()).toEqual(allocatedIn(later.sectors));
          for (const earlier of taken.slice(0, index + 1)) {
            expect(later.image.changedSince(earlier.image)).toEqual(
              expectedRanges(later.sectors, (sector) =>
                sector.touchedAt > earlier.takenAt
                  ? sector.isAllocated
                    ? 'write'
                    : 'clear'
                  : undefined,
              ),
            );
          }
        });
      }),
      { numRuns: 150 },
    );
  });

  it('cuts ranges at the window', () => {
    const store = createPageStore(1024 * SECTOR_BYTES);
    store.write(0, Buffer.alloc(200 * SECTOR_BYTES, 1));
    const before = store.snapshot();
    store.write(100 * SECTOR_BYTES, Buffer.alloc(100 * SECTOR_BYTES, 1));
    const window = { start: 150 * SECTOR_BYTES, end: 160 * SECTOR_BYTES };
    expect(store.allocatedRanges(window)).toEqual([window]);
    expect(store.snapshot().changedSince(before, window)).toEqual([{ ...window, kind: 'write' }]);
  });

  it('refuses to compare with an image that is not an ancestor', () => {
    const store = createPageStore(1024);
    const first = store.snapshot();
    store.write(0, Buffer.alloc(512, 1));
    const second = store.snapshot();
    const side = first.fork();
    side.write(512, Buffer.alloc(512, 2));
    expect(side.snapshot().changedSince(first)).toEqual([{ start: 512, end: 1024, kind: 'write' }]);
    expect(() => side.snapshot().changedSince(second)).toThrow(RangeError);
    expect(() => first.changedSince(second)).toThrow(RangeError);
    expect(() => second.changedSince(createPageStore(1024).snapshot())).toThrow(RangeError);
  });

  it('keeps a fork and its origin apart', () => {
    const store = createPageStore(1024);
    store.write(0, Buffer.alloc(1024, 1));
    const image = store.snapshot();
    const side = image.fork();
    side.write(0, Buffer.alloc(512, 2));
    store.write(512, Buffer.alloc(512, 3));
    expect(image.read(0, 1024).equals(Buffer.alloc(1024, 1))).toBe(true);
    expect([side.read(0, 1)[0], side.read(512, 1)[0]]).toEqual([2, 1]);
    expect([store.read(0, 1)[0], store.read(512, 1)[0]]).toEqual([1, 3]);
  });

  it('damages a copy of an image without a trace in the differences', () => {
    const store = createPageStore(1024);
    store.write(0, Buffer.alloc(1024, 1));
    const first = store.snapshot();
    store.write(512, Buffer.alloc(512, 2));
    const second = store.snapshot();
    const damaged = damageImage(second, 3);
    expect(damaged.read(0, 5)).toEqual(Buffer.from([1, 1, 1, 0xfe, 1]));
    expect(second.read(0, 5)).toEqual(Buffer.alloc(5, 1));
    expect(damaged.changedSince(first)).toEqual([{ start: 512, end: 1024, kind: 'write' }]);
    expect(store.snapshot().changedSince(damaged)).toEqual([]);
  });

  it('holds a store of 32 TiB with a few writes', () => {
    const size = 32 * 2 ** 40;
    const store = createPageStore(size);
    const before = store.snapshot();
    store.write(size - 512, Buffer.alloc(512, 7));
    store.clear(0, size - 512);
    expect(store.snapshot().changedSince(before)).toEqual([
      { start: size - 512, end: size, kind: 'write' },
    ]);
    store.resize(2 ** 40);
    expect(store.allocatedRanges()).toEqual([]);
  });

  it('refuses offsets, lengths and sizes off the sector or outside', () => {
    const store = createPageStore(1024);
    expect(() => store.write(1, Buffer.alloc(512))).toThrow(RangeError);
    expect(() => store.write(0, Buffer.alloc(511))).toThrow(RangeError);
    expect(() => store.write(1024, Buffer.alloc(512))).toThrow(RangeError);
    expect(() => store.clear(0, 100)).toThrow(RangeError);
    expect(() => store.resize(100)).toThrow(RangeError);
    expect(() => store.read(1000, 100)).toThrow(RangeError);
    expect(() => createPageStore(-512)).toThrow(RangeError);
  });
});
