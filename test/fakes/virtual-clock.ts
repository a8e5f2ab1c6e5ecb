import type { Clock } from '../../lib/time/clock.ts';

export interface VirtualClock extends Clock {
  /** Milliseconds since the clock was made. */
  elapsedMs(): number;
}

/**
 * A clock that costs no time: when every promise has settled as far as it can, it jumps to the
 * earliest sleeper. Code under test must wait through this clock only.
 */
export function createVirtualClock(start = '2026-11-23T18:15:01.000Z'): VirtualClock {
  const startMs = Date.parse(start);
  let nowMs = 0;
  let running = false;
  const sleepers: { atMs: number; wake: () => void }[] = [];

  const advance = (): void => {
    sleepers.sort((a, b) => a.atMs - b.atMs);
    const next = sleepers.shift();
    if (next === undefined) {
      running = false;
      return;
    }
    nowMs = Math.max(nowMs, next.atMs);
    next.wake();
    setImmediate(advance);
  };

  return {
    now: () => new Date(startMs + nowMs),
    monotonicMs: () => nowMs,
    elapsedMs: () => nowMs,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason);
          return;
        }
        const sleeper = { atMs: nowMs + Math.max(0, ms), wake: () => resolve() };
        sleepers.push(sleeper);
        signal?.addEventListener(
          'abort',
          () => {
            const index = sleepers.indexOf(sleeper);
            if (index >= 0) sleepers.splice(index, 1);
            reject(signal.reason);
          },
          { once: true },
        );
        if (!running) {
          running = true;
          setImmediate(advance);
        }
      });
    },
  };
}
