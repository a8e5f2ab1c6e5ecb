import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../time/clock.ts';

/** The clock of this machine. */
export function createRealClock(): Clock {
  return {
    now: () => new Date(),
    monotonicMs: () => performance.now(),
    async sleep(ms, signal) {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    },
  };
}
