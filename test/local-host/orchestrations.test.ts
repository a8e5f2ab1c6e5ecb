import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FixtureHost, startFixture } from './fixture-host.ts';

let host: FixtureHost;

beforeAll(async () => {
  host = await startFixture('durable');
});

afterAll(async () => {
  await host.dispose();
});

describe('orchestrations', () => {
  it('run activities one after another', async () => {
    const status = await host.run('sequence', { count: 5 });
    expect(status).toMatchObject({ runtimeStatus: 'Completed', output: { value: 32 } });
  });

  it('fan out and in', async () => {
    expect((await host.run('fanOut', { count: 60 })).output).toEqual({ sum: 3_540 });
  });

  it('pass values of every JSON type through an activity', async () => {
    const inputs = ['text', '123', '{"a":1}', 7, 1.5, ['x'], { a: { b: null } }, 'ü€'];
    expect((await host.run('echoes', inputs)).output).toEqual(inputs);
  });

  it('hand null and undefined to an activity as an empty object', async () => {
    expect((await host.run('emptyInputs', {})).output).toEqual({ a: {}, b: {}, c: true });
  });

  it('count an activity that throws undefined as succeeded', async () => {
    expect((await host.run('throwsUndefinedActivity', {})).output).toEqual({ result: null });
  });

  it('get an empty string as input when they are started without one', async () => {
    expect((await host.run('returnsInput')).output).toEqual({ input: '', version: '1.0' });
  });

  it('get the version they were started with, when it is not newer than that of the host', async () => {
    const start = (version: string) =>
      host.client<string>('startNew', 'returnsInput', { input: {}, version });
    expect((await host.finished(await start('0.9'))).output).toEqual({ input: {}, version: '0.9' });
    const newer = await host.finished(await start('1.1'));
    expect(newer.runtimeStatus).toBe('Failed');
    expect(newer.output).toContain("version '1.1' does not match the version '1.0'");
  });

  it('catch the failure of an activity with the text of the extension', async () => {
    expect((await host.run('catches', {})).output).toEqual({
      caught: "Activity function 'fail' failed:  on purpose",
    });
  });

  it('fail with the text of the extension', async () => {
    expect(await host.run('fails', {})).toMatchObject({
      runtimeStatus: 'Failed',
      output: "Orchestrator function 'fails' failed: broken on purpose",
    });
  });

  it('call a sub-orchestration under a given id', async () => {
    const id = await host.begin('parent', {
      child: 'sequence',
      childId: 'the-child',
      input: { count: 2 },
    });
    expect((await host.finished(id)).output).toEqual({ result: { value: 4 }, parent: id });
    expect(await host.status('the-child')).toMatchObject({
      name: 'sequence',
      output: { value: 4 },
    });
  });

  it('name a sub-orchestration without id after the execution and its sequence number', async () => {
    const id = await host.begin('parent', { child: 'returnsInput', input: { a: 1 } });
    await host.finished(id);
    const all = await host.client<{ instanceId: string }[]>('getStatusAll');
    expect(all.filter(({ instanceId }) => /^[0-9a-f]{32}:0$/.test(instanceId))).toHaveLength(1);
  });

  it('see the failure of a sub-orchestration after its retries', async () => {
    const status = await host.run('parentRetries', {});
    expect(status.output).toEqual({
      caught: "Orchestrator function 'fails' failed: broken on purpose",
    });
  });

  it('know whether they replay: each step is live once', async () => {
    const { instanceId } = await host.run('logsLive', {});
    const lines = host.logs.filter(
      (line) => line.instanceId === instanceId && line.function === 'logsLive',
    );
    expect(lines.map((line) => line.message)).toEqual(['step 0', 'step 1', 'step 2', 'step 3']);
  });

  it('draw the same guids on every replay', async () => {
    const { output } = await host.run('guids', {});
    const { first, second } = output as { first: string; second: string };
    expect(first).toMatch(/^[0-9a-f-]{36}$/);
    expect(second).not.toBe(first);
  });

  it('continue as new with a fresh history', async () => {
    const { instanceId, output } = await host.run('loops', { left: 4, sum: 0 });
    expect(output).toMatchObject({ sum: 20 });
    const status = await host.client<{ input: unknown }>('getStatus', instanceId);
    expect(status.input).toEqual({ left: 0, sum: 20 });
  });

  it('drop an event that was received and not consumed at continue-as-new', async () => {
    const id = await host.begin('loopsDroppingEvents', { round: 0 });
    await host.client('suspend', id, 'hold');
    await host.until(id, (status) => status.runtimeStatus === 'Suspended');
    await host.client('raiseEvent', id, 'next', { first: true });
    await host.client('raiseEvent', id, 'next', { second: true });
    await host.client('resume', id, 'go');
    await host.until(id, ({ input }) => (input as { round: number }).round === 1);
    await host.client('raiseEvent', id, 'unknown', {});
    expect((await host.status(id)).runtimeStatus).toBe('Running');
    await host.client('raiseEvent', id, 'next', {});
    expect((await host.finished(id)).output).toEqual({ round: 1 });
  });

  it('return only when every scheduled activity has ended', async () => {
    const startedMs = Date.now();
    const status = await host.run('anyThenReturns', { ms: 150 });
    expect(status.output).toEqual({ done: true });
    expect(Date.now() - startedMs).toBeGreaterThanOrEqual(150);
  });

  it('yield the losing task of Task.any later by itself', async () => {
    expect((await host.run('laterYield', {})).output).toEqual({ name: 'a', ms: 60 });
  });
});

describe('custom status', () => {
  it('is shown while the instance runs and afterwards', async () => {
    const id = await host.begin('collects', { count: 2 });
    await host.client('raiseEvent', id, 'item', { n: 1 });
    await host.until(id, ({ customStatus }) => (customStatus as { seen?: number })?.seen === 1);
    await host.client('raiseEvent', id, 'item', { n: 2 });
    expect(await host.finished(id)).toMatchObject({
      customStatus: { seen: 2 },
      output: [{ n: 1 }, { n: 2 }],
    });
  });

  it('of 8,193 characters passes', async () => {
    expect((await host.run('status', { length: 8_193 })).runtimeStatus).toBe('Completed');
  });

  it('of 9,000 characters makes the instance Failed', async () => {
    const status = await host.run('status', { length: 9_000 });
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain('must not exceed 16 KB');
  });
});
