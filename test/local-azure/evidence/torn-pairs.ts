import { BLOCK_BYTES, parseBlock } from '../guest/block-content.ts';
import type { Journal, JournalWriter } from '../guest/journal.ts';
import type { ReadableImage } from './readable-image.ts';

export interface TornExample {
  readonly writer: number;
  readonly slot: number;
  /** 0: no block of a writer that counts; `damaged`: one that is not whole, or lies where it does not belong. */
  readonly first: number | 'damaged';
  readonly second: number | 'damaged';
}

export interface TornPairs {
  /** Slots that hold a block on at least one side. */
  readonly pairsChecked: number;
  /** Of those: slots whose two sides cannot have stood there at one instant. */
  readonly torn: number;
  /** Slots that do not hold what the newest pair on their side says. */
  readonly cutViolations: number;
  /** Writers whose two sides do not end at one pair, the last one written on one side or on both. */
  readonly writersOffCut: number;
  /** At most 10. */
  readonly examples: readonly TornExample[];
  /**
   * The order numbers of the journal at which all images together can have been taken; undefined
   * when there is no such instant.
   */
  readonly oneInstant?: { readonly fromOrder: number; readonly toOrder: number };
}

type SlotSide = number | 'damaged';

/**
 * Looks at every slot of every writer of a VM in a set of images, one per disk (by the journal's
 * number). A writer has one write in flight at most and writes pair n first to disk A, then to disk
 * B; slot s holds the newest n with (n - 1) mod slots = s. So at any one instant
 * - a slot has the same n on both sides; or it is the one slot in flight: A has the newest n of the
 *   writer, B still n - slots (or nothing when there was none). Any other slot is *torn*;
 * - the newest n on B is the newest on A or one less: else the writer is *off cut*. Every slot holds
 *   what the newest n of its side says: else it is a *cut violation*, torn or not;
 * - the newest writes of all disks leave a common interval of order numbers: `oneInstant`.
 */
export function findTornPairs(
  journal: Journal,
  vmId: string,
  images: ReadonlyMap<number, ReadableImage>,
): TornPairs {
  const writers = journal.writersOf(vmId);
  const examples: TornExample[] = [];
  let pairsChecked = 0;
  let torn = 0;
  let cutViolations = 0;
  let writersOffCut = 0;
  let fromOrder = 0;
  let toOrder = journal.lastOrder;

  for (const writer of writers) {
    const sides = ([0, 1] as const).map((side) => readSide(journal, writer, side, images));
    const [first = [], second = []] = sides;
    const slots = first.length;
    const newest = sides.map(newestSeq);
    const [newestFirst = 0, newestSecond = 0] = newest;
    if (newestSecond !== newestFirst && newestSecond !== newestFirst - 1) writersOffCut += 1;

    for (let slot = 0; slot < slots; slot += 1) {
      const a = first[slot] ?? 0;
      const b = second[slot] ?? 0;
      if (a === 0 && b === 0 && slot >= newestFirst) continue;
      pairsChecked += 1;
      const isTorn = !isOneInstant(a, b, newestFirst, slots);
      const fitsCut =
        a === expectedSeq(slot, newestFirst, slots) && b === expectedSeq(slot, newestSecond, slots);
      if (isTorn) torn += 1;
      if (!fitsCut) cutViolations += 1;
      if ((isTorn || !fitsCut) && examples.length < 10) {
        examples.push({ writer: writer.writer, slot, first: a, second: b });
      }
    }
    for (const side of [0, 1] as const) {
      const seq = newest[side] ?? 0;
      fromOrder = Math.max(fromOrder, journal.orderOf(writer.writer, side, seq) ?? 0);
      const nextOrder = journal.orderOf(writer.writer, side, seq + 1);
      if (nextOrder !== undefined) toOrder = Math.min(toOrder, nextOrder - 1);
    }
  }
  const oneInstant =
    torn === 0 && cutViolations === 0 && writersOffCut === 0 && fromOrder <= toOrder;
  return {
    ...{ pairsChecked, torn, cutViolations, writersOffCut, examples },
    ...(oneInstant ? { oneInstant: { fromOrder, toOrder } } : {}),
  };
}

function readSide(
  journal: Journal,
  writer: JournalWriter,
  side: 0 | 1,
  images: ReadonlyMap<number, ReadableImage>,
): SlotSide[] {
  const disk = writer.disks[side];
  const image = images.get(disk);
  if (image === undefined) {
    throw new RangeError(`no image of disk ${disk}, which writer ${writer.writer} writes to`);
  }
  return writer.slotOffsets[side].map((offset, slot) => {
    if (offset + BLOCK_BYTES > image.sizeBytes) return 'damaged';
    const block = parseBlock(image.read(offset, BLOCK_BYTES));
    if (block.kind === 'foreign') return 0;
    if (block.kind === 'damaged') return 'damaged';
    const { header } = block;
    if (journal.isRetired(header.writer)) return 0;
    const belongs = header.writer === writer.writer && header.slot === slot && header.disk === disk;
    return belongs && header.seq >= 1 ? header.seq : 'damaged';
  });
}

function newestSeq(side: readonly SlotSide[]): number {
  return side.reduce<number>(
    (newest, seq) => (seq === 'damaged' ? newest : Math.max(newest, seq)),
    0,
  );
}

function isOneInstant(a: SlotSide, b: SlotSide, newestFirst: number, slots: number): boolean {
  if (a === 'damaged' || b === 'damaged') return false;
  return (a === b && a > 0) || (a === newestFirst && b === Math.max(0, a - slots));
}

/** The newest seq up to `newest` that went to `slot`; 0 when there is none. */
function expectedSeq(slot: number, newest: number, slots: number): number {
  if (newest < slot + 1) return 0;
  return newest - ((newest - 1 - slot) % slots);
}
