import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FixtureHost, startFixture } from './fixture-host.ts';

let host: FixtureHost;

beforeAll(async () => {
  host = await startFixture('durable');
});

afterAll(async () => {
  await host.dispose();
});

const TASK_MS = 150;

describe.each(['activity', 'child', 'timer'])('with an %s outstanding', (what) => {
  it.each([
    ['return', 0],
    ['continue-as-new', 1],
  ])('%s takes effect only when it has ended', async (ends, round) => {
    const startedMs = Date.now();
    const input = { what, ends, ms: TASK_MS, round: 0 };
    expect((await host.run('leavesOutstanding', input)).output).toEqual({ round });
    expect(Date.now() - startedMs).toBeGreaterThanOrEqual(TASK_MS);
  });
});
