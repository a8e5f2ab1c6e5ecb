import type { ByteRange } from '../contracts.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { BLOCK_BYTES } from './block-content.ts';

/** Slots of all writers of a VM together, where its writer areas hold as many. */
const DEFAULT_SLOTS_PER_VM = 1600;

export interface WriterPlan {
  /** Places in the list of disks. */
  readonly first: number;
  readonly second: number;
  readonly slotOffsets: readonly [readonly number[], readonly number[]];
}

/**
 * One writer per disk, in a ring: writer i writes first to disk i, then to the next one, so that
 * every disk is the first of one pair and the second of another. A single disk is both sides of its
 * writer. Slots are blocks of the writer areas in seeded order, no block twice.
 */
export function planWriters(
  areas: readonly (readonly ByteRange[])[],
  random: SeededRandom,
  slotsPerVm: number = DEFAULT_SLOTS_PER_VM,
): WriterPlan[] {
  const blocks = areas.map((area) => shuffle(area.flatMap(blocksOf), random));
  const smallest = Math.min(...blocks.map((list) => list.length));
  const slots = Math.min(Math.ceil(slotsPerVm / areas.length), Math.floor(smallest / 2));
  if (areas.length === 0 || slots < 1) {
    throw new RangeError('a writer needs a writer area of two blocks on each of its disks');
  }
  return blocks.map((first, index) => {
    const next = (index + 1) % blocks.length;
    return {
      first: index,
      second: next,
      slotOffsets: [first.slice(0, slots), (blocks[next] ?? []).slice(slots, 2 * slots)],
    };
  });
}

function blocksOf(range: ByteRange): number[] {
  const count = Math.floor((range.end - range.start) / BLOCK_BYTES);
  return Array.from({ length: count }, (_, index) => range.start + index * BLOCK_BYTES);
}

function shuffle(values: number[], random: SeededRandom): number[] {
  const shuffled = [...values];
  for (let at = shuffled.length - 1; at > 0; at -= 1) {
    const other = random.integer(0, at);
    const [a, b] = [shuffled[at] ?? 0, shuffled[other] ?? 0];
    shuffled[at] = b;
    shuffled[other] = a;
  }
  return shuffled;
}
