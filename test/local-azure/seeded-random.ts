import { createHash } from 'node:crypto';

/** Random numbers that repeat when the seed repeats, so that a failing run can be run again. */
export interface SeededRandom {
  /** In [0, 1). */
  next(): number;
  /** A whole number in [min, max], both ends included. */
  integer(min: number, max: number): number;
  bytes(lengthBytes: number): Buffer;
  /** A version 4 UUID, lower case. */
  uuid(): string;
  pick<T>(items: readonly T[]): T;
  /** An independent stream: drawing from one never shifts the numbers of another. */
  fork(label: string): SeededRandom;
}

/**
 * sfc32 (Chris Doty-Humphrey's Small Fast Counter, PractRand), its state set from SHA-256 of the
 * seed. Not for secrets that must withstand an attacker.
 */
export function createSeededRandom(seed: string | number): SeededRandom {
  const state = createHash('sha256').update(String(seed)).digest();
  let a = state.readInt32LE(0);
  let b = state.readInt32LE(4);
  let c = state.readInt32LE(8);
  let counter = 1;

  function next32(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
  for (let round = 0; round < 12; round += 1) next32();

  const random: SeededRandom = {
    next: () => next32() / 0x1_0000_0000,
    integer(min, max) {
      if (!(max >= min)) throw new RangeError(`no whole number between ${min} and ${max}`);
      return min + Math.floor(random.next() * (max - min + 1));
    },
    bytes(lengthBytes) {
      const out = Buffer.alloc(lengthBytes);
      for (let at = 0; at < lengthBytes; at += 1) out[at] = next32() & 0xff;
      return out;
    },
    uuid() {
      const raw = random.bytes(16);
      raw.writeUInt8((raw.readUInt8(6) & 0x0f) | 0x40, 6);
      raw.writeUInt8((raw.readUInt8(8) & 0x3f) | 0x80, 8);
      const hex = raw.toString('hex');
      return [
        hex.slice(0, 8),
        hex.slice(8, 12),
        hex.slice(12, 16),
        hex.slice(16, 20),
        hex.slice(20),
      ].join('-');
    },
    pick(items) {
      if (items.length === 0) throw new RangeError('nothing to pick from');
      return items[random.integer(0, items.length - 1)] as (typeof items)[number];
    },
    fork: (label) => createSeededRandom(`${seed}/${label}`),
  };
  return random;
}
