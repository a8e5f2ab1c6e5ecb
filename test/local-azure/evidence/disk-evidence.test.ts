import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PageImage, PageStore } from '../contracts.ts';
import { BLOCK_BYTES, makeBlock } from '../guest/block-content.ts';
import { createJournal, type Journal, type JournalWriter } from '../guest/journal.ts';
import { replayDisk } from '../guest/oracle-image.ts';
import { createPageStore } from '../pages/page-store.ts';
import { compareWithJournal } from './compare-with-journal.ts';
import { digestContent } from './content-digest.ts';
import { allocatedBytes, withoutFooter } from './readable-image.ts';
import { findTornPairs } from './torn-pairs.ts';

const SLOTS = 5;

interface Scene {
  readonly journal: Journal;
  readonly stores: readonly PageStore[];
  /** The content of both disks after each order number. */
  readonly states: readonly (readonly [PageImage, PageImage])[];
}

/** Two disks, two writers (0 -> 1 and 1 -> 0), their writes interleaved as `turns` says. */
function playWriters(turns: readonly number[]): Scene {
  const journal = createJournal();
  const stores = [createPageStore(64 * BLOCK_BYTES), createPageStore(64 * BLOCK_BYTES)];
  for (const [index, store] of stores.entries()) {
    store.write(60 * BLOCK_BYTES, Buffer.alloc(BLOCK_BYTES, 0x41 + index));
    journal.addDisk(`disk-${index}`, store);
  }
  const offsets = (from: number) =>
    Array.from({ length: SLOTS }, (_, slot) => (from + slot) * BLOCK_BYTES);
  const writers: JournalWriter[] = [
    journal.addWriter({ vmId: 'vm', disks: [0, 1], slotOffsets: [offsets(0), offsets(0)] }),
    journal.addWriter({ vmId: 'vm', disks: [1, 0], slotOffsets: [offsets(10), offsets(10)] }),
  ];
  const imagesNow = (): [PageImage, PageImage] => [
    (stores[0] ?? createPageStore(0)).snapshot(),
    (stores[1] ?? createPageStore(0)).snapshot(),
  ];
  const states = [imagesNow()];
  const done = [0, 0];
  for (const turn of turns) {
    const writer = writers[turn % 2];
    if (writer === undefined) continue;
    const count = done[writer.writer] ?? 0;
    done[writer.writer] = count + 1;
    const side = count % 2 === 0 ? 0 : 1;
    const seq = Math.floor(count / 2) + 1;
    const slot = (seq - 1) % SLOTS;
    const offset = writer.slotOffsets[side][slot] ?? -1;
    const disk = writer.disks[side];
    const header = { writer: writer.writer, seq, slot, disk };
    stores[disk]?.write(offset, makeBlock(header));
    journal.recordWrite({ ...header, offset, side });
    states.push(imagesNow());
  }
  return { journal, stores, states };
}

function imagesAt(scene: Scene, ...orders: [number, number]): Map<number, PageImage> {
  return new Map(
    orders.map((order, disk) => {
      const image = scene.states[order]?.[disk];
      if (image === undefined) throw new RangeError(`no state ${order}`);
      return [disk, image] as const;
    }),
  );
}

const turns = fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 60 });

describe('findTornPairs', () => {
  it('finds nothing in images of one instant, and that instant', () => {
    fc.assert(
      fc.property(turns, fc.nat(), (order, pick) => {
        const scene = playWriters(order);
        const instant = pick % scene.states.length;
        const found = findTornPairs(scene.journal, 'VM', imagesAt(scene, instant, instant));
        expect(found).toMatchObject({ torn: 0, cutViolations: 0, examples: [] });
        expect(found.oneInstant?.fromOrder).toBeLessThanOrEqual(instant);
        expect(found.oneInstant?.toOrder).toBeGreaterThanOrEqual(instant);
        const filled = [0, 1].map((writer) => {
          const own = order.slice(0, instant).filter((turn) => turn === writer).length;
          return Math.min(SLOTS, Math.ceil(own / 2));
        });
        expect(found.pairsChecked).toBe((filled[0] ?? 0) + (filled[1] ?? 0));
      }),
      { numRuns: 60 },
    );
  });

  it('names an instant exactly when the images could have been taken at one', () => {
    fc.assert(
      fc.property(turns, fc.nat(), fc.nat(), (order, a, b) => {
        const scene = playWriters(order);
        const at: [number, number] = [a % scene.states.length, b % scene.states.length];
        const found = findTornPairs(scene.journal, 'vm', imagesAt(scene, ...at));
        const possible = scene.states.some(
          (_, instant) =>
            sameBytes(scene, 0, instant, at[0]) && sameBytes(scene, 1, instant, at[1]),
        );
        expect(found.oneInstant !== undefined).toBe(possible);
        if (found.torn > 0) expect(possible).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it('finds the planted torn pair, whichever side is older', () => {
    const scene = playWriters(Array.from({ length: 40 }, (_, index) => Math.floor(index / 2) % 2));
    const moments: [number, number][] = [
      [40, 36],
      [36, 40],
    ];
    for (const at of moments) {
      const found = findTornPairs(scene.journal, 'vm', imagesAt(scene, ...at));
      expect(found.torn).toBeGreaterThan(0);
      expect(found.examples.length).toBeGreaterThan(0);
      expect(found.oneInstant).toBeUndefined();
    }
  });

  it('counts a damaged block and a block of another disk as torn', () => {
    const scene = playWriters(Array.from({ length: 40 }, () => 0));
    for (const spoil of ['damage', 'swap', 'blank'] as const) {
      const spoilt = imagesAt(scene, 40, 40).get(0)?.fork();
      if (spoilt === undefined) throw new Error('no image');
      const block = spoilt.read(2 * BLOCK_BYTES, BLOCK_BYTES);
      block.writeUInt8(block.readUInt8(2000) ^ 1, 2000);
      if (spoil === 'damage') spoilt.write(2 * BLOCK_BYTES, block);
      if (spoil === 'swap') {
        spoilt.write(2 * BLOCK_BYTES, makeBlock({ writer: 0, seq: 18, slot: 2, disk: 1 }));
      }
      if (spoil === 'blank') spoilt.clear(2 * BLOCK_BYTES, BLOCK_BYTES);
      const images = imagesAt(scene, 40, 40).set(0, spoilt.snapshot());
      const found = findTornPairs(scene.journal, 'vm', images);
      expect(found).toMatchObject({ pairsChecked: SLOTS, torn: 1, examples: [{ slot: 2 }] });
      expect(found.oneInstant).toBeUndefined();
    }
  });

  it('refuses a set that lacks a disk', () => {
    const scene = playWriters([0, 0]);
    expect(() => findTornPairs(scene.journal, 'vm', new Map())).toThrow('no image of disk 0');
  });
});

function sameBytes(scene: Scene, disk: 0 | 1, a: number, b: number): boolean {
  const [left, right] = [scene.states[a]?.[disk], scene.states[b]?.[disk]];
  const size = left?.sizeBytes ?? 0;
  return left !== undefined && right?.read(0, size).equals(left.read(0, size)) === true;
}

describe('compareWithJournal', () => {
  const scene = playWriters(Array.from({ length: 50 }, (_, index) => index % 2));

  it('compares every page and finds none different', async () => {
    expect(await compareWithJournal(scene.journal, imagesAt(scene, 33, 33), 33)).toEqual({
      ...{ pagesCompared: 128, pagesDifferent: 0, firstDifferences: [], sizesDifferent: 0 },
    });
  });

  it('finds one planted bit, in written and in empty pages', async () => {
    for (const page of [3, 40, 60]) {
      const spoilt = imagesAt(scene, 50, 50).get(1)?.fork();
      if (spoilt === undefined) throw new Error('no image');
      const sector = spoilt.read(page * BLOCK_BYTES + 512, 512);
      sector.writeUInt8(sector.readUInt8(511) ^ 0x80, 511);
      spoilt.write(page * BLOCK_BYTES + 512, sector);
      const images = imagesAt(scene, 50, 50).set(1, spoilt.snapshot());
      expect(await compareWithJournal(scene.journal, images, 50)).toMatchObject({
        ...{ pagesDifferent: 1, firstDifferences: [{ disk: 1, offset: page * BLOCK_BYTES }] },
      });
    }
  });

  it('finds a set of another moment, swapped disks, and another size', async () => {
    const { journal } = scene;
    expect((await compareWithJournal(journal, imagesAt(scene, 40, 40), 41)).pagesDifferent).toBe(1);
    const [first, second] = scene.states[50] ?? [];
    if (first === undefined || second === undefined) throw new Error('no state');
    const swapped = new Map([
      [0, second],
      [1, first],
    ]);
    expect((await compareWithJournal(journal, swapped, 50)).pagesDifferent).toBeGreaterThan(20);
    const store = first.fork();
    store.resize(first.sizeBytes + 512);
    const longer = store.snapshot();
    expect(await compareWithJournal(journal, new Map([[0, longer]]), 50)).toMatchObject({
      ...{ pagesDifferent: 1, sizesDifferent: 1 },
    });
    const cut = new Map([[0, withoutFooter(longer, 512)]]);
    expect(await compareWithJournal(journal, cut, 50)).toMatchObject({ pagesDifferent: 0 });
  });
});

describe('digestContent', () => {
  it('is the sum of the hashes of the pages that are not zero', async () => {
    const store = createPageStore(16 * BLOCK_BYTES);
    store.write(BLOCK_BYTES, Buffer.alloc(512, 7));
    store.write(5 * BLOCK_BYTES, Buffer.alloc(BLOCK_BYTES));
    store.write(9 * BLOCK_BYTES + 1024, Buffer.alloc(512, 9));
    const pageHash = (page: number) => {
      const offset = Buffer.alloc(8);
      offset.writeUInt32LE(page * BLOCK_BYTES);
      const content = store.read(page * BLOCK_BYTES, BLOCK_BYTES);
      return BigInt(`0x${createHash('sha256').update(offset).update(content).digest('hex')}`);
    };
    const sum = (pageHash(1) + pageHash(9)) % 2n ** 256n;
    const expected = sum.toString(16).padStart(64, '0');
    const digested = await digestContent(store.snapshot());
    expect(digested).toEqual({ digest: expected, segments: [expected] });
  });

  it('keeps segments of 1 GiB apart and adds them up', async () => {
    const gib = 1024 ** 3;
    const store = createPageStore(2 * gib + BLOCK_BYTES);
    expect((await digestContent(store.snapshot())).segments).toEqual(
      [0, 1, 2].map(() => '0'.repeat(64)),
    );
    store.write(gib - 512, Buffer.alloc(1024, 1));
    store.write(2 * gib, Buffer.alloc(512, 2));
    const { digest, segments } = await digestContent(store.snapshot());
    expect(new Set(segments).size).toBe(3);
    const sum = segments.reduce((total, segment) => total + BigInt(`0x${segment}`), 0n);
    expect(BigInt(`0x${digest}`)).toBe(sum % 2n ** 256n);
  });

  it('is the same for the journal replayed and for the disk that was written', async () => {
    const scene = playWriters(Array.from({ length: 40 }, (_, index) => index % 2));
    const image = imagesAt(scene, 40, 40).get(1);
    if (image === undefined) throw new Error('no image');
    const ofOracle = await digestContent(replayDisk(scene.journal, 1, 40));
    expect(ofOracle).toEqual(await digestContent(image));
    expect(ofOracle).not.toEqual(await digestContent(replayDisk(scene.journal, 1, 38)));
  });
});

describe('allocatedBytes', () => {
  it('counts what is written', () => {
    const store = createPageStore(16 * BLOCK_BYTES);
    store.write(512, Buffer.alloc(1024));
    store.write(BLOCK_BYTES * 3, Buffer.alloc(512));
    expect(allocatedBytes(store.snapshot())).toBe(1536);
  });
});
