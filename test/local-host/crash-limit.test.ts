import { describe, expect, it } from 'vitest';
import { createCrashLimit } from './crash-limit.ts';

const MINUTE_MS = 60_000;

describe('the limit of crashes', () => {
  it.each([
    ['three within seconds', [0, 10_000, 20_000], [false, false, true]],
    [
      'three, each within half an hour',
      [0, 29, 58].map((m) => m * MINUTE_MS),
      [false, false, true],
    ],
    [
      'a pause of more than half an hour starts anew',
      [0, 10, 41, 50, 60].map((m) => m * MINUTE_MS),
      [false, false, false, false, true],
    ],
  ])('%s', (_what, instantsMs, reached) => {
    const limit = createCrashLimit();
    expect(instantsMs.map((ms) => limit.isReached(ms))).toEqual(reached);
  });
});
