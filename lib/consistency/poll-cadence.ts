/**
 * How often the state of snapshots is asked for while a guest is frozen. Every poll that comes late
 * holds the guest longer, and every read counts against ARM's bucket for reads, 250 with a refill of
 * 25 a second per subscription and principal (learn.microsoft.com, "Understand how Azure Resource
 * Manager throttles requests"), which other runs need too.
 */
const BUCKET_READS = 200;
const REFILL_PER_SECOND = 20;

/**
 * The wait before the next look, after `elapsedMs` since the first request. A fixed share of the time
 * that has passed keeps held / slowest close to 1 for snapshots of every length.
 */
export const pollIntervalMs = (elapsedMs: number): number =>
  Math.min(500, Math.max(25, Math.round(elapsedMs * 0.07)));

/** A bucket of reads for one set. */
export interface ReadBudget {
  /** Takes up to `wanted` reads at `nowMs` and answers how many were left to take. */
  take(wanted: number, nowMs: number): number;
  /** How many reads refill during one interval; at least 1. */
  perInterval(intervalMs: number): number;
}

export function createReadBudget(startMs: number): ReadBudget {
  let left = BUCKET_READS;
  let filledAtMs = startMs;
  return {
    take(wanted, nowMs) {
      left = Math.min(BUCKET_READS, left + ((nowMs - filledAtMs) / 1000) * REFILL_PER_SECOND);
      filledAtMs = nowMs;
      const taken = Math.min(wanted, Math.floor(left));
      left -= taken;
      return taken;
    },
    perInterval: (intervalMs) => Math.max(1, Math.floor((intervalMs / 1000) * REFILL_PER_SECOND)),
  };
}
