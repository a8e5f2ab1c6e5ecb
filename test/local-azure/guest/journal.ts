import type { PageImage, PageStore } from '../contracts.ts';
import type { BlockHeader } from './block-content.ts';
import { createGrowingArray, type GrowingArray } from './growing-array.ts';

/** A disk that writers write to, and its content before their first write. */
export interface JournalDisk {
  readonly disk: number;
  readonly diskId: string;
  readonly base: PageImage;
  /** The order number that `base` stands for: later writes lie on top of it. */
  readonly baseOrder: number;
}

/** Writes pairs: seq n to its slot on `disks[0]`, then the same seq to the same slot on `disks[1]`. */
export interface JournalWriter {
  readonly writer: number;
  readonly vmId: string;
  readonly disks: readonly [number, number];
  /** Byte offset of every slot, on the first and the second disk. Seq n goes to slot (n-1) % slots. */
  readonly slotOffsets: readonly [readonly number[], readonly number[]];
}

export interface JournalEntry extends BlockHeader {
  /** Counts the writes of all guests from 1; the order in which they took effect. */
  readonly order: number;
  /** `performance.now()` of this process at the write. */
  readonly atMs: number;
  readonly offset: number;
}

/**
 * What the writers of all guests wrote, where and in which order. Replayed over the content that the
 * disks had before, it is the oracle of every comparison; it never looks at a snapshot.
 */
export interface Journal {
  /** The same store of the same disk keeps its number; another store of that id gets a new one. */
  addDisk(diskId: string, store: PageStore): JournalDisk;
  addWriter(writer: Omit<JournalWriter, 'writer'>): JournalWriter;
  /**
   * Must be called in the same turn as the write itself; `side` says which of its writer's disks was
   * written. Returns the entry's order number.
   */
  recordWrite(write: BlockHeader & { readonly offset: number; readonly side: 0 | 1 }): number;
  /** The number of the newest write; 0 when there is none. */
  readonly lastOrder: number;
  entry(order: number): JournalEntry;
  /** The newest write at or before a moment of `performance.now()`; 0 when there is none. */
  orderAt(atMs: number): number;
  /** Order numbers of one writer's writes by seq, on its first (side 0) or second disk. */
  orderOf(writer: number, side: 0 | 1, seq: number): number | undefined;
  disk(disk: number): JournalDisk;
  /** The newest disk of that id (compared without case). */
  findDisk(diskId: string): JournalDisk | undefined;
  writer(writer: number): JournalWriter;
  /** Writers of a VM that still count. */
  writersOf(vmId: string): readonly JournalWriter[];
  /** The VM's writers are replaced: their blocks may be overwritten and say nothing any more. */
  retireWriters(vmId: string): void;
  isRetired(writer: number): boolean;
}

export function createJournal(nowMs: () => number = () => performance.now()): Journal {
  const disks: JournalDisk[] = [];
  const stores: PageStore[] = [];
  const writers: JournalWriter[] = [];
  const retired = new Set<number>();
  const ordersBySeq: [GrowingArray, GrowingArray][] = [];
  const columns = {
    atMs: createGrowingArray('float64'),
    offset: createGrowingArray('float64'),
    seq: createGrowingArray('float64'),
    writer: createGrowingArray('uint32'),
    slot: createGrowingArray('uint32'),
    disk: createGrowingArray('uint32'),
  };

  const journal: Journal = {
    addDisk(diskId, store) {
      const known = stores.indexOf(store);
      if (known >= 0) return journal.disk(known);
      const added: JournalDisk = {
        disk: disks.length,
        diskId,
        base: store.snapshot(),
        baseOrder: columns.atMs.length,
      };
      disks.push(added);
      stores.push(store);
      return added;
    },
    addWriter(options) {
      const [first, second] = options.slotOffsets;
      if (first.length === 0 || first.length !== second.length) {
        throw new RangeError(`a writer needs as many slots on both disks, at least one`);
      }
      const added: JournalWriter = { ...options, writer: writers.length };
      writers.push(added);
      ordersBySeq.push([createGrowingArray('float64'), createGrowingArray('float64')]);
      return added;
    },
    recordWrite(write) {
      const orders = ordersBySeq[write.writer]?.[write.side];
      if (orders?.length !== write.seq - 1) {
        const { writer, seq, side } = write;
        throw new RangeError(`writer ${writer} skipped to seq ${seq} on side ${side}`);
      }
      columns.atMs.push(nowMs());
      columns.offset.push(write.offset);
      columns.seq.push(write.seq);
      columns.writer.push(write.writer);
      columns.slot.push(write.slot);
      columns.disk.push(write.disk);
      orders.push(columns.atMs.length);
      return columns.atMs.length;
    },
    get lastOrder() {
      return columns.atMs.length;
    },
    entry(order) {
      const at = order - 1;
      return {
        order,
        atMs: columns.atMs.at(at),
        offset: columns.offset.at(at),
        seq: columns.seq.at(at),
        writer: columns.writer.at(at),
        slot: columns.slot.at(at),
        disk: columns.disk.at(at),
      };
    },
    orderAt(atMs) {
      let low = 0;
      let high = columns.atMs.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (columns.atMs.at(middle) <= atMs) low = middle + 1;
        else high = middle;
      }
      return low;
    },
    orderOf(writer, side, seq) {
      const orders = ordersBySeq[writer]?.[side];
      return orders !== undefined && seq >= 1 && seq <= orders.length
        ? orders.at(seq - 1)
        : undefined;
    },
    disk(disk) {
      const found = disks[disk];
      if (found === undefined) throw new RangeError(`the journal knows no disk ${disk}`);
      return found;
    },
    findDisk(diskId) {
      const wanted = diskId.toLowerCase();
      return disks.findLast((candidate) => candidate.diskId.toLowerCase() === wanted);
    },
    writer(writer) {
      const found = writers[writer];
      if (found === undefined) throw new RangeError(`the journal knows no writer ${writer}`);
      return found;
    },
    writersOf(vmId) {
      const wanted = vmId.toLowerCase();
      return writers.filter(
        ({ vmId: own, writer }) => own.toLowerCase() === wanted && !retired.has(writer),
      );
    },
    retireWriters(vmId) {
      for (const { writer } of journal.writersOf(vmId)) retired.add(writer);
    },
    isRetired: (writer) => retired.has(writer),
  };
  return journal;
}
