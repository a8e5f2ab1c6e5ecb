import type { ByteRange, ChangedRange } from '../../lib/transfer/byte-ranges.ts';

const SECTOR = 512;

/** A small disk: sectors that are allocated or not, and when each was changed last. */
export interface MemoryImage {
  readonly sizeBytes: number;
  read(offset: number, lengthBytes: number): Buffer;
  write(offset: number, bytes: Uint8Array): void;
  clear(range: ByteRange): void;
  resize(sizeBytes: number): void;
  allocated(window: ByteRange): ByteRange[];
  /** `earlier` must be a copy of this image made by `copy`. */
  changedSince(earlier: MemoryImage, window: ByteRange): ChangedRange[];
  copy(): MemoryImage;
}

interface Sector {
  readonly bytes: Buffer | undefined;
  readonly change: number;
}

const EMPTY: Sector = { bytes: undefined, change: 0 };
let changes = 0;

export const createMemoryImage = (
  sizeBytes: number,
  from: ReadonlyMap<number, Sector> = new Map(),
): MemoryImage => {
  const sectors = new Map(from);
  let size = sizeBytes;

  const numbersIn = ({ start, end }: ByteRange): number[] => {
    if (start % SECTOR !== 0 || end % SECTOR !== 0 || end > size) {
      throw new RangeError(`[${start}, ${end}) is not made of sectors of an image of ${size}`);
    }
    return Array.from({ length: (end - start) / SECTOR }, (_, index) => start / SECTOR + index);
  };
  const joined = <T>(
    numbers: readonly number[],
    kindOf: (number: number) => T | undefined,
  ): { start: number; end: number; kind: T }[] => {
    const ranges: { start: number; end: number; kind: T }[] = [];
    for (const number of numbers) {
      const kind = kindOf(number);
      if (kind === undefined) continue;
      const start = number * SECTOR;
      const last = ranges.at(-1);
      if (last?.end === start && last.kind === kind) last.end += SECTOR;
      else ranges.push({ start, end: start + SECTOR, kind });
    }
    return ranges;
  };
  const sectorsOf = (image: MemoryImage): ReadonlyMap<number, Sector> => {
    const map = contents.get(image);
    if (map === undefined) throw new TypeError('not an image of this module');
    return map;
  };

  const image: MemoryImage = {
    get sizeBytes() {
      return size;
    },
    read(offset, lengthBytes) {
      const bytes = Buffer.alloc(lengthBytes);
      for (const number of numbersIn({ start: offset, end: offset + lengthBytes })) {
        sectors.get(number)?.bytes?.copy(bytes, number * SECTOR - offset);
      }
      return bytes;
    },
    write(offset, bytes) {
      changes += 1;
      for (const number of numbersIn({ start: offset, end: offset + bytes.length })) {
        const at = number * SECTOR - offset;
        sectors.set(number, { bytes: Buffer.from(bytes.slice(at, at + SECTOR)), change: changes });
      }
    },
    clear(range) {
      changes += 1;
      for (const number of numbersIn(range)) {
        sectors.set(number, { bytes: undefined, change: changes });
      }
    },
    resize(next) {
      size = next;
    },
    allocated: (window) =>
      joined(numbersIn(window), (number) => sectors.get(number)?.bytes && 'write'),
    changedSince(earlier, window) {
      const before = sectorsOf(earlier);
      return joined(numbersIn(window), (number) => {
        const [old, now] = [before.get(number) ?? EMPTY, sectors.get(number) ?? EMPTY];
        if (old.change === now.change) return undefined;
        return now.bytes === undefined ? ('clear' as const) : ('write' as const);
      });
    },
    copy: () => createMemoryImage(size, sectors),
  };
  contents.set(image, sectors);
  return image;
};

const contents = new WeakMap<MemoryImage, ReadonlyMap<number, Sector>>();
