import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPageStore } from '../pages/page-store.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { BLOCK_BYTES, makeBlock, parseBlock } from './block-content.ts';
import { createJournal } from './journal.ts';
import { changedBytesBetween, joinRanges, replayDisk } from './oracle-image.ts';
import { planWriters } from './writer-plan.ts';

describe('a block', () => {
  it('reads back what was put into it, and shows damage anywhere', () => {
    const word = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(
        fc.record({ writer: word, slot: word, disk: word, seq: fc.maxSafeNat() }),
        fc.integer({ min: 8, max: BLOCK_BYTES - 1 }),
        (header, at) => {
          const block = makeBlock(header);
          expect(parseBlock(block)).toEqual({ kind: 'written', header });
          block.writeUInt8(block.readUInt8(at) ^ 0x10, at);
          expect(parseBlock(block).kind).not.toBe('written');
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is foreign when it never was a block', () => {
    expect(parseBlock(Buffer.alloc(BLOCK_BYTES)).kind).toBe('foreign');
  });
});

describe('planWriters', () => {
  it('uses every disk as first and as second, and no block twice', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 100 }),
        (sizes, slotsPerVm) => {
          const areas = sizes.map((blocks) => [
            { start: 8 * BLOCK_BYTES, end: (8 + blocks) * BLOCK_BYTES },
          ]);
          const plans = planWriters(areas, createSeededRandom('plan'), slotsPerVm);
          expect(new Set(plans.map(({ first }) => first)).size).toBe(sizes.length);
          expect(new Set(plans.map(({ second }) => second)).size).toBe(sizes.length);
          const used = plans.flatMap(({ first, second, slotOffsets }) => [
            ...slotOffsets[0].map((offset) => `${first}/${offset}`),
            ...slotOffsets[1].map((offset) => `${second}/${offset}`),
          ]);
          expect(new Set(used).size).toBe(used.length);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('refuses disks without room', () => {
    expect(() => planWriters([[]], createSeededRandom(1))).toThrow('two blocks');
  });
});

describe('the journal', () => {
  it('replays to exactly what a store held at any order number', () => {
    const writer = fc.integer({ min: 0, max: 1 });
    fc.assert(
      fc.property(fc.array(writer, { maxLength: 30 }), fc.nat(), (writes, pick) => {
        const journal = createJournal();
        const store = createPageStore(64 * BLOCK_BYTES);
        store.write(3 * BLOCK_BYTES, Buffer.alloc(20 * BLOCK_BYTES, 0x77));
        const { disk } = journal.addDisk('disk', store);
        const places = [
          [2, 3, 4, 60],
          [8, 9, 10, 11],
        ];
        const writers = places.map((blocks, index) =>
          journal.addWriter({
            vmId: 'vm',
            disks: [disk, disk],
            slotOffsets: [
              blocks.map((block) => block * BLOCK_BYTES),
              blocks.map((_, slot) => (40 + 4 * index + slot) * BLOCK_BYTES),
            ],
          }),
        );
        const contents = [store.snapshot()];
        const seqs = [0, 0];
        for (const writer of writes) {
          const facts = writers[writer];
          const seq = (seqs[writer] ?? 0) + 1;
          seqs[writer] = seq;
          const slot = (seq - 1) % 4;
          const offset = facts?.slotOffsets[0][slot] ?? 0;
          const header = { writer, seq, slot, disk };
          store.write(offset, makeBlock(header));
          expect(journal.recordWrite({ ...header, offset, side: 0 })).toBe(contents.length);
          contents.push(store.snapshot());
        }
        const order = pick % contents.length;
        const oracle = replayDisk(journal, disk, order);
        const expected = contents[order]?.read(0, store.sizeBytes);
        expect(oracle.read(0, store.sizeBytes).equals(expected ?? Buffer.alloc(0))).toBe(true);
        const from = (pick * 37) % (store.sizeBytes - 5000);
        expect(
          oracle.read(from, 5000).equals(expected?.subarray(from, from + 5000) ?? Buffer.alloc(0)),
        ).toBe(true);
        const changed = contents[order]?.changedSince(contents[0] ?? store.snapshot()) ?? [];
        const changedBytes = changed.reduce((sum, range) => sum + range.end - range.start, 0);
        expect(changedBytesBetween(journal, disk, 0, order)).toBe(changedBytes);
      }),
      { numRuns: 60 },
    );
  });

  it('finds the newest write at a moment', () => {
    let nowMs = 0;
    const journal = createJournal(() => nowMs);
    const { disk } = journal.addDisk('disk', createPageStore(16 * BLOCK_BYTES));
    journal.addWriter({ vmId: 'vm', disks: [disk, disk], slotOffsets: [[0], [BLOCK_BYTES]] });
    for (const [seq, atMs] of [10, 20, 20, 30].entries()) {
      nowMs = atMs;
      journal.recordWrite({ writer: 0, seq: seq + 1, slot: 0, disk, offset: 0, side: 0 });
    }
    expect([9, 10, 19, 20, 29, 31].map((atMs) => journal.orderAt(atMs))).toEqual([
      0, 1, 1, 3, 3, 4,
    ]);
  });

  it('keeps a disk whose store is the same, and begins anew for another store', () => {
    const journal = createJournal();
    const store = createPageStore(4096);
    expect(journal.addDisk('d', store).disk).toBe(journal.addDisk('d', store).disk);
    expect(journal.addDisk('d', createPageStore(4096)).disk).toBe(1);
    expect(journal.findDisk('D')?.disk).toBe(1);
    expect(() => replayDisk(journal, 0, 5)).toThrow('order numbers 0 to 0');
  });

  it('refuses a seq that is not the next one', () => {
    const journal = createJournal();
    journal.addWriter({ vmId: 'vm', disks: [0, 0], slotOffsets: [[0], [BLOCK_BYTES]] });
    const write = { writer: 0, seq: 2, slot: 0, disk: 0, offset: 0, side: 0 } as const;
    expect(() => journal.recordWrite(write)).toThrow('skipped to seq 2');
  });
});

describe('joinRanges', () => {
  it('joins neighbours and overlaps', () => {
    const ranges = [
      { start: 10, end: 20 },
      { start: 0, end: 5 },
      { start: 5, end: 7 },
      { start: 15, end: 30 },
    ];
    expect(joinRanges(ranges)).toEqual([
      { start: 0, end: 7 },
      { start: 10, end: 30 },
    ]);
  });
});
