import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type FixtureHost, readNotes, startNotingFixture } from './fixture-host.ts';

let host: FixtureHost;
let notes: string;

beforeAll(async () => {
  ({ host, notes } = await startNotingFixture());
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await host.dispose();
});

describe('after a Task.all in which one task failed', () => {
  it('the next activity starts only when the others have ended', async () => {
    expect((await host.run('undoes', { retries: false })).output).toEqual({ undone: true });
    expect(readNotes(notes)).toEqual(['start sibling', 'end sibling', 'start undo', 'end undo']);
  });

  it('the others can be awaited one by one, retried children under their own ids included', async () => {
    expect((await host.run('settles', {}, 'settling')).output).toEqual([
      "Activity function 'fail' failed:  at once",
      expect.stringContaining('attempt 3 of settling-0'),
      2,
      3,
      true,
    ]);
  });

  it('a retry that takes a sequence number meanwhile makes the instance Failed, loudly', async () => {
    const status = await host.run('undoes', { retries: true });
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain('library and host now disagree');
  });
});
