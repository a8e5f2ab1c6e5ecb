/** Times that are never given twice: ETags and snapshot times, both in ticks of 100 ns. */

const TICKS_AT_EPOCH = 621_355_968_000_000_000n;
let lastTicks = 0n;

function nextTicks(): bigint {
  const now = BigInt(Date.now()) * 10_000n;
  lastTicks = now > lastTicks ? now : lastTicks + 1n;
  return lastTicks;
}

/** Quoted, as it stands in the header: `"0x8DC0123456789AB"`. */
export function newEtag(): string {
  return `"0x${(nextTicks() + TICKS_AT_EPOCH).toString(16).toUpperCase()}"`;
}

/** `2026-11-23T18:00:00.1234567Z`; greater than all before it. */
export function newSnapshotTime(): string {
  const ticks = nextTicks();
  const seconds = new Date(Number(ticks / 10_000n)).toISOString().slice(0, 19);
  return `${seconds}.${(ticks % 10_000_000n).toString().padStart(7, '0')}Z`;
}
