import { describe, expect, test } from 'vitest';
import { BackupError, ConflictError, ThrottledError } from '../../../lib/errors.ts';
import type { Clock } from '../../../lib/time/clock.ts';
import { type Pace, runAdaptive } from '../../../lib/transfer/run-adaptive.ts';

const PACE: Pace = { startWith: 2, atMost: 8, maxTries: 6, retryDelayMs: 100 };

/** Sleeps end at the next turn of the event loop; their lengths are kept. */
const createNapClock = (): Clock & { readonly naps: number[] } => {
  const naps: number[] = [];
  return {
    naps,
    now: () => new Date(0),
    monotonicMs: () => 0,
    sleep: async (ms) => {
      naps.push(ms);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('runAdaptive', () => {
  test('works off each item once and gets faster up to its limit', async () => {
    const seen: number[] = [];
    let active = 0;
    let mostActive = 0;
    const report = await runAdaptive(
      numbers(200),
      async (item) => {
        active += 1;
        mostActive = Math.max(mostActive, active);
        await turn();
        seen.push(item);
        active -= 1;
      },
      { pace: PACE, clock: createNapClock() },
    );
    expect(seen.toSorted((a, b) => a - b)).toEqual(numbers(200));
    expect(mostActive).toBe(PACE.atMost);
    expect(report).toEqual({ throttled: 0, allowed: 8 });
  });

  test('settles near what a service allows that refuses more than three at once', async () => {
    let active = 0;
    let refusals = 0;
    const seen = new Set<number>();
    const clock = createNapClock();
    const report = await runAdaptive(
      numbers(300),
      async (item) => {
        active += 1;
        try {
          await turn();
          if (active > 3) {
            refusals += 1;
            throw new ThrottledError('busy', 0);
          }
          seen.add(item);
        } finally {
          active -= 1;
        }
      },
      { pace: { ...PACE, startWith: 8, maxTries: 50 }, clock },
    );
    expect(seen.size).toBe(300);
    expect(report.throttled).toBe(refusals);
    expect(report.allowed).toBeLessThanOrEqual(5);
    expect(refusals).toBeLessThan(150);
  });

  test('waits at least as long as the service says, and longer each time', async () => {
    const clock = createNapClock();
    let calls = 0;
    await runAdaptive(
      ['one'],
      async () => {
        calls += 1;
        if (calls <= 3) throw new ThrottledError('busy', 250);
      },
      { pace: PACE, clock },
    );
    expect(clock.naps).toEqual([250, 250, 400]);
  });

  test('hands a wait that is too long for an activity to the caller', async () => {
    const clock = createNapClock();
    const busy = new ThrottledError('busy', 60_000);
    await expect(
      runAdaptive(['one'], () => Promise.reject(busy), { pace: PACE, clock }),
    ).rejects.toBe(busy);
    expect(clock.naps).toEqual([]);
  });

  test('tries again what may pass, but not a lost lease', async () => {
    let calls = 0;
    const passing = async (): Promise<void> => {
      calls += 1;
      if (calls < 3) throw new BackupError('TimedOut', 'slow');
    };
    await runAdaptive(['one'], passing, { pace: PACE, clock: createNapClock() });
    expect(calls).toBe(3);
    const final = [new ConflictError('lease lost'), new BackupError('AuthorizationFailure', 'no')];
    for (const lost of final) await expectOneTry(lost);
  });

  const expectOneTry = async (lost: Error): Promise<void> => {
    let tries = 0;
    const losing = (): Promise<void> => {
      tries += 1;
      return Promise.reject(lost);
    };
    await expect(
      runAdaptive(['one'], losing, { pace: PACE, clock: createNapClock() }),
    ).rejects.toBe(lost);
    expect(tries).toBe(1);
  };

  test('aborts the others on the first final error and throws that one', async () => {
    const lost = new ConflictError('lease lost');
    const aborted: number[] = [];
    const started: number[] = [];
    const work = async (item: number, signal: AbortSignal): Promise<void> => {
      started.push(item);
      await turn();
      if (item === 1) throw lost;
      await new Promise<void>((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted.push(item);
          reject(new Error('aborted'));
        });
      });
    };
    await expect(
      runAdaptive(numbers(20), work, { pace: PACE, clock: createNapClock() }),
    ).rejects.toBe(lost);
    expect(started).toEqual([0, 1]);
    expect(aborted).toEqual([0]);
  });

  test("ends on the caller's signal", async () => {
    const controller = new AbortController();
    const running = runAdaptive(
      numbers(1000),
      async () => {
        await turn();
        controller.abort(new Error('time is up'));
      },
      { pace: PACE, clock: createNapClock(), signal: controller.signal },
    );
    await expect(running).rejects.toThrow('time is up');
  });
});
