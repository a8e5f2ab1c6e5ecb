import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callClient, poll } from './fixture-host.ts';
import { beginSlowSteps, createFixtureProcess, type FixtureProcess } from './fixture-process.ts';

let fixture: FixtureProcess;

beforeEach(() => {
  fixture = createFixtureProcess();
});

afterEach(async () => {
  await fixture.dispose();
});

function integrity(): unknown {
  const db = new DatabaseSync(fixture.stateFile);
  const result = db.prepare('pragma integrity_check').get();
  db.close();
  return result;
}

describe('kill -9', () => {
  it('at any time loses nothing: six steps pass once each, in order', async () => {
    const names = ['s1', 's2', 's3', 's4', 's5', 's6'];
    let current = await fixture.start();
    await beginSlowSteps(current.url, 'run', names, 60);
    for (const name of ['s1', 's2', 's4', 's6']) {
      await poll(`start of ${name}`, () =>
        fixture.countNotes(`start ${name}`) > 0 ? true : undefined,
      );
      await current.kill('SIGKILL');
      expect(integrity()).toEqual({ integrity_check: 'ok' });
      current = await fixture.start();
    }
    const status = await fixture.finished(current.url, 'run');
    expect(status).toMatchObject({ runtimeStatus: 'Completed', output: { names } });
    // What was in flight at a kill ran again; no step that had ended did.
    expect(fixture.notes().filter((line) => line.startsWith('end'))).toEqual(
      names.map((name) => `end ${name}`),
    );
    for (const name of names) {
      expect(fixture.countNotes(`start ${name}`)).toBeLessThanOrEqual(2);
    }
    expect(fixture.notes().filter((line) => line.startsWith('start')).length).toBeGreaterThan(6);
  }, 30_000);

  it('three times over 40 mixed orchestrations, each ends with its own result', async () => {
    let current = await fixture.start();
    const call = (value: number) => ({ kind: 'call', value });
    const programs = Array.from({ length: 40 }, (_unused, n) => ({
      steps: [
        call(n),
        { kind: 'all', nodes: [call(1), { kind: 'timer', delayMs: 20 * (n % 7) }, call(2)] },
        { kind: 'child', steps: [call(3), { kind: 'timer', delayMs: 10 * (n % 5) }] },
        { kind: 'any', nodes: [{ kind: 'child', steps: [call(4)] }, call(5)] },
        ...Array.from({ length: n % 10 }, () => call(6)),
      ],
    }));
    await Promise.all(
      programs.map((input, n) =>
        callClient(current.url, 'startNew', ['program', { instanceId: `p${n}`, input }]),
      ),
    );
    for (const afterMs of [5, 60, 120]) {
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await current.kill('SIGKILL');
      expect(integrity()).toEqual({ integrity_check: 'ok' });
      current = await fixture.start();
    }
    for (const [n, { steps }] of programs.entries()) {
      expect(await fixture.finished(current.url, `p${n}`)).toMatchObject({
        runtimeStatus: 'Completed',
        output: { steps: steps.length, thrown: 0, last: { value: 'last' } },
      });
    }
    const db = new DatabaseSync(fixture.stateFile, { readOnly: true });
    for (const table of ['work', 'inbox', 'open_tasks']) {
      expect(db.prepare(`select count(*) as rows from ${table}`).get()).toEqual({ rows: 0 });
    }
    db.close();
  }, 60_000);

  it('leaves the activity in flight hidden until its visibility time-out has passed', async () => {
    const first = await fixture.start(['--visibility-timeout-ms', '3000']);
    await beginSlowSteps(first.url, 'run', ['only'], 400);
    await poll('start', () => (fixture.countNotes('start only') > 0 ? true : undefined));
    const killedMs = Date.now();
    await first.kill('SIGKILL');
    const second = await fixture.start(['--visibility-timeout-ms', '3000']);
    await poll('second start', () => (fixture.countNotes('start only') === 2 ? true : undefined));
    expect(Date.now() - killedMs).toBeGreaterThan(2_500);
    expect((await fixture.finished(second.url, 'run')).runtimeStatus).toBe('Completed');
  }, 30_000);
});

describe('SIGTERM', () => {
  it('waits for the activity that runs and keeps its result', async () => {
    const first = await fixture.start();
    await beginSlowSteps(first.url, 'run', ['a', 'b'], 300);
    await poll('start', () => (fixture.countNotes('start a') > 0 ? true : undefined));
    expect(await first.kill('SIGTERM')).toBe(0);
    expect(fixture.countNotes('end a')).toBe(1);
    expect(fixture.countNotes('start b')).toBe(0);
    const second = await fixture.start();
    expect((await fixture.finished(second.url, 'run')).runtimeStatus).toBe('Completed');
    expect(fixture.countNotes('start a')).toBe(1);
  }, 30_000);

  it('gives up waiting after its grace time', async () => {
    const first = await fixture.start(['--grace-ms', '200']);
    await beginSlowSteps(first.url, 'run', ['a'], 60_000);
    await poll('start', () => (fixture.countNotes('start a') > 0 ? true : undefined));
    const startedMs = Date.now();
    expect(await first.kill('SIGTERM')).toBe(0);
    expect(Date.now() - startedMs).toBeLessThan(5_000);
  }, 30_000);
});

describe('the death of the worker', () => {
  it('on request fails the running activity, and the host goes on', async () => {
    const first = await fixture.start();
    await beginSlowSteps(first.url, 'run', ['a'], 60_000);
    await poll('start', () => (fixture.countNotes('start a') > 0 ? true : undefined));
    first.failWorker();
    // A call in flight would be answered with 500.
    await poll('the death', () => fixture.log().includes('exited with code 137') || undefined);
    expect((await fixture.finished(first.url, 'run')).output).toContain('exited with code 137');
    await beginSlowSteps(first.url, 'next', ['b'], 1);
    expect((await fixture.finished(first.url, 'next')).runtimeStatus).toBe('Completed');
  }, 30_000);

  it('during a turn makes the instance Failed', async () => {
    const first = await fixture.start();
    await callClient(first.url, 'startNew', ['diesInTurn', { instanceId: 'run', input: {} }]).catch(
      () => undefined,
    );
    expect(await first.exited).toBe(3);
    const second = await fixture.start();
    const status = await fixture.finished(second.url, 'run');
    expect(status).toMatchObject({ runtimeStatus: 'Failed' });
    expect(status.output).toContain('exited with code 3');
  }, 30_000);

  it.each([
    ['process.exit', 'exits', 7, 7],
    ['an unhandled rejection', 'rejects', 70, 1],
  ])(
    'by %s fails the activity, which is not run again',
    async (_what, how, code, exitCode) => {
      const first = await fixture.start();
      await callClient(first.url, 'startNew', [
        'diesInActivity',
        { instanceId: 'run', input: { how } },
      ]).catch(() => undefined);
      expect(await first.exited).toBe(code);
      expect(fixture.log()).toContain('the worker process dies');
      const second = await fixture.start();
      const status = await fixture.finished(second.url, 'run');
      expect(status.runtimeStatus).toBe('Failed');
      expect(status.output).toContain(`exited with code ${exitCode}`);
      expect(fixture.countNotes(`dies ${how}`)).toBe(1);
    },
    30_000,
  );
});
