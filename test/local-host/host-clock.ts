/**
 * The only clock of the local host. Every timestamp and every due time of the host goes through here, so that a
 * shared offset (virtual time) can be added in one place. Node's own timers stay real: a due time is turned into a
 * real delay, and asked again when the offset moves.
 */

/** The longest delay that setTimeout takes without overflowing, in ms. */
const LONGEST_DELAY_MS = 2_147_483_647;

export interface HostClock {
  /** Milliseconds since the epoch, offset included. */
  nowMs(): number;
  /** The same instant as an ISO 8601 string in UTC. */
  nowUtc(): string;
  /** Calls back once `dueMs` has come; returns a function that cancels. An instant in the past is called at once, but never synchronously. */
  callAt(dueMs: number, callback: () => void): () => void;
  /** Moves the clock by `deltaMs` (positive: forward); waiting calls that became due are made at once. */
  advance(deltaMs: number): void;
}

interface Waiter {
  dueMs: number;
  callback: () => void;
  timer: NodeJS.Timeout | undefined;
}

/** A clock whose offset starts at `offsetMs`. */
export function createHostClock(offsetMs = 0): HostClock {
  let offset = offsetMs;
  const waiters = new Set<Waiter>();

  function nowMs(): number {
    return Date.now() + offset;
  }

  function arm(waiter: Waiter): void {
    const delayMs = Math.min(Math.max(0, waiter.dueMs - nowMs()), LONGEST_DELAY_MS);
    waiter.timer = setTimeout(() => {
      if (nowMs() < waiter.dueMs) {
        arm(waiter);
        return;
      }
      waiters.delete(waiter);
      waiter.callback();
    }, delayMs);
  }

  return {
    nowMs,
    nowUtc: () => new Date(nowMs()).toISOString(),
    callAt(dueMs, callback) {
      const waiter: Waiter = { dueMs, callback, timer: undefined };
      waiters.add(waiter);
      arm(waiter);
      return () => {
        clearTimeout(waiter.timer);
        waiters.delete(waiter);
      };
    },
    advance(deltaMs) {
      offset += deltaMs;
      for (const waiter of waiters) {
        clearTimeout(waiter.timer);
        arm(waiter);
      }
    },
  };
}
