import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type FixtureHost, startFixture } from './fixture-host.ts';

let host: FixtureHost;

beforeAll(async () => {
  host = await startFixture('durable');
});

afterAll(async () => {
  await host.dispose();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('a misuse that hangs or misbehaves on Azure makes the instance Failed and is logged', () => {
  it.each([
    ['unknownActivity', "The function 'missing' doesn't exist, is disabled, or is not an activity"],
    [
      'unknownChild',
      "The function 'missing' doesn't exist, is disabled, or is not an orchestrator",
    ],
    ['twiceInAny', 'passed to a second Task.any or Task.all'],
    ['retryTimeout', 'retryTimeoutInMilliseconds'],
    ['bareBoolean', 'bare boolean'],
    ['throwsString', 'threw something that is no Error or has an empty message'],
    ['throwsEmpty', 'threw something that is no Error or has an empty message'],
    ['throwsUndefined', 'neither ended nor waits for anything'],
    ['bareStringAgain', 'continueAsNew was called with a bare string'],
    ['callsHttp', 'callHttp is not modelled'],
    ['signalsEntity', 'signalEntity is not modelled'],
  ])('%s', async (name, text) => {
    const status = await host.run(name, {});
    expect(status).toMatchObject({ runtimeStatus: 'Failed' });
    expect(status.output).toContain(text);
    const line = host.logs.find((log) => log.instanceId === status.instanceId);
    expect(line).toMatchObject({ level: 'error', function: name });
    expect(line?.message).toContain(text);
  });

  it.each(['isAsync', 'isAsyncGenerator'])('%s', async (name) => {
    const status = await host.run(name, {});
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain('must be a plain generator function');
  });

  it('yieldsNothing', async () => {
    const status = await host.run('yieldsNothing', {});
    expect(status.output).toContain('yielded data of type undefined');
  });

  it('a sub-orchestration with the id of a running instance', async () => {
    const id = await host.begin('waits', {});
    await host.until(id, ({ runtimeStatus }) => runtimeStatus === 'Running');
    const parent = await host.run('parent', { child: 'waits', childId: id, input: {} });
    expect(parent.output).toContain(`'${id}' of an instance that is running`);
    expect((await host.status(id)).runtimeStatus).toBe('Running');
  });
});

describe('a replay that schedules something else makes the instance Failed', () => {
  async function runChanged(name: string, change: string): Promise<unknown> {
    vi.stubEnv('FIXTURE_CHANGE', undefined);
    const id = await host.begin(name, {});
    await host.client('raiseEvent', id, 'before', {});
    await host.until(id, ({ runtimeStatus }) => runtimeStatus === 'Running');
    await vi.waitUntil(() => host.isIdle());
    vi.stubEnv('FIXTURE_CHANGE', change);
    await host.client('raiseEvent', id, 'after', {});
    const status = await host.finished(id);
    expect(status.runtimeStatus).toBe('Failed');
    return status.output;
  }

  const prefix =
    'Non-Deterministic workflow detected: A previous execution of this orchestration scheduled';
  const before = `${prefix} an activity task with sequence number 0 named 'echo', but the current orchestration replay instead`;

  it.each([
    ['changes', 'name', `${before} scheduled an activity task named 'noop'`],
    ['changes', 'timer', `${before} produced a CreateTimerOrchestratorAction action`],
    ['changes', 'child', `${before} produced a CreateSubOrchestrationAction action`],
    [
      'changes',
      'less',
      `${prefix} an activity task with sequence ID 0 and name 'echo' (version ''), but the current replay execution hasn't (yet?) scheduled this task.`,
    ],
    [
      'changesTimer',
      'name',
      `${prefix} a timer task with sequence number 0 named but the current orchestration replay instead produced a ScheduleTaskOrchestratorAction action`,
    ],
    [
      'changesTimer',
      'less',
      `${prefix} a timer task with sequence number 0 but the current replay execution hasn't (yet?) scheduled this task.`,
    ],
  ])('%s by %s', async (name, change, text) => {
    expect(await runChanged(name, change)).toContain(text);
  });

  it('but not when nothing changed', async () => {
    const id = await host.begin('changes', {});
    await host.client('raiseEvent', id, 'before', {});
    await host.client('raiseEvent', id, 'after', {});
    expect((await host.finished(id)).runtimeStatus).toBe('Completed');
  });
});
