import { describe, expect, it } from 'vitest';
import { closeRun } from '../../../functions/orchestrations/close-run.ts';
import { replay } from '../../support/replay.ts';

const failure = { errorCode: 'InstanceLost', message: 'its instance died' };
const input = { runId: 'r', kind: 'protect', failure };
const refusal = { ok: false, errorCode: 'MalformedData', message: 'row is broken' };

function world() {
  const calls: unknown[] = [];
  const note = (name: string) => (given: unknown) => {
    calls.push([name, given]);
    return { ok: true, value: {} };
  };
  const names = ['failPoint', 'releaseGrants', 'undoRestore', 'endRun'];
  return { calls, activities: Object.fromEntries(names.map((name) => [name, note(name)])) };
}

describe('closeRun', () => {
  it.each([
    ['protect', ['failPoint', { runId: 'r', ...failure }]],
    ['replicate', ['releaseGrants', { runId: 'r', target: 'paired' }]],
    ['restore', ['undoRestore', { runId: 'r' }]],
  ])('removes what a dead %s run made, and then says that it failed', async (kind, first) => {
    const { calls, activities } = world();
    const given = { ...input, kind, ...(kind === 'replicate' ? { target: 'paired' } : {}) };

    const end = await replay(closeRun, given, { activities });

    expect(end.output).toEqual({ ok: true, value: { runId: 'r' } });
    // Again at the end: an activity in flight saw only then that its run has ended.
    expect(calls).toEqual([first, ['endRun', { runId: 'r', state: 'failed', failure }], first]);
  });

  it('leaves the run open when it cannot be cleaned up', async () => {
    const { calls, activities } = world();

    const end = await replay(closeRun, input, {
      activities: { ...activities, failPoint: () => refusal },
    });

    expect(end.output).toEqual(refusal);
    expect(calls).toEqual([]);
  });
});
