/** Looks for many byte strings at once, in data that comes in pieces. */
export interface PatternScanner {
  /** A fresh search: `push` reports each find by the pattern's place and its offset in the stream. */
  start(found: (pattern: number, offset: number) => void): { push(data: Buffer): void };
}

const BLOCK = 3;
const MAX_WINDOW = 16;

/**
 * Wu-Manber (A Fast Algorithm for Multi-Pattern Searching, 1994): a window of every pattern, as long
 * as the shortest allows, decides by its three-byte blocks how far a position can be skipped.
 */
export function createPatternScanner(patterns: readonly Buffer[]): PatternScanner {
  const shortest = Math.min(...patterns.map((pattern) => pattern.length));
  if (patterns.length > 0 && shortest < BLOCK) throw new RangeError('a pattern needs three bytes');
  const windowLength = Math.min(MAX_WINDOW, shortest);
  const longest = Math.max(0, ...patterns.map((pattern) => pattern.length));
  const lastBlock = windowLength - BLOCK;
  const shifts = new Uint8Array(patterns.length === 0 ? 0 : 1 << 24).fill(lastBlock + 1);
  const candidates = new Map<number, { pattern: number; bytes: Buffer; before: number }[]>();

  for (const [pattern, bytes] of patterns.entries()) {
    // The middle tells similar secrets (tokens with equal heads and tails) best apart.
    const from = Math.floor((bytes.length - windowLength) / 2);
    for (let at = 0; at <= lastBlock; at += 1) {
      const key = blockKey(bytes, from + at);
      shifts[key] = Math.min(shifts[key] ?? 0, lastBlock - at);
    }
    const key = blockKey(bytes, from + lastBlock);
    const list = candidates.get(key) ?? [];
    list.push({ pattern, bytes, before: from + lastBlock });
    candidates.set(key, list);
  }

  function scan(data: Buffer, found: (pattern: number, offset: number) => void): void {
    const end = data.length - BLOCK;
    let position = lastBlock;
    while (position <= end) {
      const key = blockKey(data, position);
      const shift = shifts[key] ?? 1;
      if (shift > 0) {
        position += shift;
        continue;
      }
      for (const { pattern, bytes, before } of candidates.get(key) ?? []) {
        const start = position - before;
        if (start < 0 || start + bytes.length > data.length) continue;
        if (data.compare(bytes, 0, bytes.length, start, start + bytes.length) === 0) {
          found(pattern, start);
        }
      }
      position += 1;
    }
  }

  return {
    start(found) {
      let rest = Buffer.alloc(0);
      let restOffset = 0;
      return {
        push(data) {
          if (patterns.length === 0) return;
          const joined = rest.length === 0 ? data : Buffer.concat([rest, data]);
          const known = rest.length;
          scan(joined, (pattern, at) => {
            // What lies wholly in the part kept from before was found before.
            const patternEnd = at + (patterns[pattern]?.length ?? 0);
            if (patternEnd > known) found(pattern, restOffset + at);
          });
          const kept = Math.min(joined.length, longest - 1);
          restOffset += joined.length - kept;
          rest = Buffer.from(joined.subarray(joined.length - kept));
        },
      };
    },
  };
}

function blockKey(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}
