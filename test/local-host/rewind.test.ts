import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type FixtureHost,
  poll,
  readNotes,
  type StatusBody,
  startFixture,
  startNotingFixture,
} from './fixture-host.ts';
import { createHostClock } from './host-clock.ts';

let host: FixtureHost;
let notes: string;

beforeEach(async () => {
  ({ host, notes } = await startNotingFixture());
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await host.dispose();
});

interface HistoryBody extends StatusBody {
  historyEvents: { EventType: string }[];
}

async function historyOf(id: string): Promise<string[]> {
  // The client of durable-functions drops the member: it looks for `history`.
  const start = await fetch(`${host.url}/api/start-and-check`, { method: 'POST' });
  const { id: other = '', statusQueryGetUri = '' } = (await start.json()) as Record<string, string>;
  const shown = await fetch(`${statusQueryGetUri.replace(other, id)}&showHistory=true`);
  const { historyEvents } = (await shown.json()) as HistoryBody;
  return historyEvents.map((event) => event.EventType);
}

async function rewind(id: string): Promise<StatusBody> {
  await host.client('rewind', id, 'mended');
  return host.finished(id);
}

describe('rewind', () => {
  it('runs the failed activity again, not those that ended, and the instance goes on', async () => {
    const { instanceId, runtimeStatus } = await host.run('fansOutFlaky', { failures: 1 });
    expect(runtimeStatus).toBe('Failed');
    expect(await rewind(instanceId)).toMatchObject({
      runtimeStatus: 'Completed',
      output: { attempt: 2, last: { last: true } },
    });
    expect(readNotes(notes).filter((line) => line.startsWith('start'))).toHaveLength(2);
  });

  it('turns the failures of the history into generic events and adds one', async () => {
    const { instanceId } = await host.run('fansOutFlaky', { failures: 1 });
    expect(await historyOf(instanceId)).toEqual(
      expect.arrayContaining(['TaskFailed', 'ExecutionCompleted']),
    );
    await rewind(instanceId);
    const events = await historyOf(instanceId);
    expect(events).not.toContain('TaskFailed');
    // Scheduling, failure and ending of the first attempt, and the message of the rewind.
    expect(events.filter((type) => type === 'GenericEvent')).toHaveLength(4);
    expect(events.filter((type) => type === 'ExecutionCompleted')).toHaveLength(1);
  });

  it('works as often as the activity fails', async () => {
    const { instanceId } = await host.run('fansOutFlaky', { failures: 2 });
    expect((await rewind(instanceId)).output).toContain('attempt 2 of');
    expect((await rewind(instanceId)).output).toMatchObject({ attempt: 3 });
  });

  it('goes down to the failed child of a failed child', async () => {
    const input = { child: 'flakyChild', childId: 'leaf', input: { failures: 1 } };
    const id = await host.begin('parent', { child: 'parent', childId: 'middle', input });
    expect((await host.finished(id)).runtimeStatus).toBe('Failed');
    const expected = { result: { key: 'leaf', attempt: 2 }, parent: 'middle' };
    expect((await rewind(id)).output).toEqual({ result: expected, parent: id });
    expect((await host.status('middle')).output).toEqual(expected);
    expect(readNotes(notes)).toEqual(['flaky leaf 1', 'flaky leaf 2']);
  });

  it('of a failed child alone does not bring its parent back', async () => {
    const input = { child: 'flakyChild', childId: 'alone', input: { failures: 1 } };
    const { instanceId } = await host.run('parent', input);
    expect((await rewind('alone')).runtimeStatus).toBe('Completed');
    expect((await host.status(instanceId)).runtimeStatus).toBe('Failed');
    // Its answer was dropped: on Azure the parent would wait for it for ever.
    const parent = await rewind(instanceId);
    expect(parent.runtimeStatus).toBe('Failed');
    expect(parent.output).toContain("the sub-orchestration 'alone'");
    expect(parent.output).toContain('would stay Running for ever');
  });

  it('runs mended code of the orchestrator from where it threw', async () => {
    vi.stubEnv('FIXTURE_CHANGE', 'broken');
    const { instanceId } = await host.run('brokenWhenTold', {});
    expect((await rewind(instanceId)).output).toContain('broken code');
    vi.stubEnv('FIXTURE_CHANGE', undefined);
    expect((await rewind(instanceId)).output).toEqual({ mended: true });
  });

  it('after a non-deterministic replay goes on with the events that came', async () => {
    const id = await host.begin('changes', {});
    await host.client('raiseEvent', id, 'before', {});
    await host.until(id, ({ runtimeStatus }) => runtimeStatus === 'Running');
    await vi.waitUntil(() => host.isIdle());
    vi.stubEnv('FIXTURE_CHANGE', 'name');
    await host.client('raiseEvent', id, 'after', {});
    expect((await host.finished(id)).output).toContain('Non-Deterministic');
    vi.stubEnv('FIXTURE_CHANGE', undefined);
    expect((await rewind(id)).runtimeStatus).toBe('Completed');
  });

  it('survives a restart of the host', async () => {
    const { instanceId } = await host.run('fansOutFlaky', { failures: 1 });
    await host.client('rewind', instanceId, 'mended');
    await host.stop();
    const second = await startFixture('durable', { stateFile: host.stateFile });
    expect((await second.finished(instanceId)).output).toMatchObject({ last: { last: true } });
    await second.dispose();
  });
});

/** An instance that has failed while a task was outstanding; its code is mended. */
async function failWithOutstanding(on: FixtureHost, what: string, ms: number): Promise<string> {
  const id = await on.begin('outstandingThenBroken', { what, ms });
  await on.client('raiseEvent', id, 'before', {});
  await poll('the marker', () => readNotes(notes).includes('end marker') || undefined);
  vi.stubEnv('FIXTURE_CHANGE', 'less');
  await on.client('raiseEvent', id, 'after', {});
  expect((await on.finished(id)).output).toContain('Non-Deterministic');
  vi.stubEnv('FIXTURE_CHANGE', undefined);
  return id;
}

describe('what was outstanding at the failure', () => {
  it('is a child that runs on, and answers', async () => {
    const id = await failWithOutstanding(host, 'waits', 0);
    await host.client('rewind', id, 'mended');
    await host.client('raiseEvent', id, 'after', {});
    await host.client('raiseEvent', `${id}-child`, 'never', {});
    expect((await host.finished(id)).output).toEqual({ ended: true });
  });

  it('is an activity that runs on, and its outcome is taken', async () => {
    const id = await failWithOutstanding(host, 'activity', 600);
    await host.client('rewind', id, 'mended');
    await host.client('raiseEvent', id, 'after', {});
    expect((await host.finished(id)).output).toEqual({ ended: true });
    expect(readNotes(notes).filter((line) => line === `start ${id}`)).toHaveLength(1);
  });

  it('is a timer that is not yet due, and fires', async () => {
    const clock = createHostClock();
    const second = await startFixture('durable', { clock });
    const id = await failWithOutstanding(second, 'timer', 3_600_000);
    await second.client('rewind', id, 'mended');
    await second.client('raiseEvent', id, 'after', {});
    clock.advance(3_600_000);
    expect((await second.finished(id)).output).toEqual({ ended: true });
    await second.dispose();
  });

  it.each([
    ['an activity', 'activity', 'the activity'],
    ['a timer', 'timer', 'timer 0'],
  ])(
    'is %s that has ended since: the rewind fails, as nothing would come',
    async (_an, what, text) => {
      const id = await failWithOutstanding(host, what, 50);
      if (what === 'activity') {
        await poll('its end', () => readNotes(notes).includes(`end ${id}`) || undefined);
      } else {
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
      const status = await rewind(id);
      expect(status.runtimeStatus).toBe('Failed');
      expect(status.output).toContain(`what ${text}`);
    },
  );
});

describe('what fails on Azure after a rewind fails here', () => {
  it('anything that was retried: the timers between attempts stay in the history', async () => {
    const { instanceId } = await host.run('retries', { key: 'rw', failures: 2, attempts: 2 });
    const status = await rewind(instanceId);
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain(
      "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled a timer task with sequence number 1 but the current replay execution hasn't (yet?) scheduled this task.",
    );
  });

  it('what went on after a failure that it had caught', async () => {
    const { instanceId } = await host.run('goesOnAfterFailure', {});
    const status = await rewind(instanceId);
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain("sequence ID 1 and name 'noop'");
  });

  it('a parent whose failed child was purged', async () => {
    const input = { child: 'flakyChild', childId: 'purged', input: { failures: 1 } };
    const { instanceId } = await host.run('parent', input);
    await host.client('purgeInstanceHistory', 'purged');
    const status = await rewind(instanceId);
    expect(status.output).toContain("'purged' of");
    expect(host.logs.at(-1)).toMatchObject({ level: 'error', instanceId });
  });
});

describe('rewind is refused', () => {
  it('for an unknown instance', async () => {
    await expect(host.client('rewind', 'unknown', 'x')).rejects.toThrow('No instance with ID');
  });

  it('for an instance that runs, has completed or was terminated', async () => {
    const text = 'only supported on failed orchestration instances';
    const id = await host.begin('waits', {});
    await host.until(id, ({ runtimeStatus }) => runtimeStatus === 'Running');
    await expect(host.client('rewind', id, 'x')).rejects.toThrow(text);
    await host.client('terminate', id, 'enough');
    await host.finished(id);
    await expect(host.client('rewind', id, 'x')).rejects.toThrow(text);
    const { instanceId } = await host.run('returnsInput', {});
    await expect(host.client('rewind', instanceId, 'x')).rejects.toThrow(text);
  });
});

it('restart is refused as not modelled', async () => {
  const response = await fetch(`${host.url}/api/start-and-check`, { method: 'POST' });
  const { restartPostUri = '' } = (await response.json()) as Record<string, string>;
  const restart = await fetch(restartPostUri, { method: 'POST' });
  expect([restart.status, await restart.json()]).toEqual([
    501,
    'restart is not modelled by the local host',
  ]);
});
