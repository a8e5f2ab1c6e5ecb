import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callClient, fixtureDir, poll, readNotes, type StatusBody } from './fixture-host.ts';
import { type SpawnedHost, spawnLocalHost } from './spawn-local-host.ts';

let dir: string;
let notes: string;
let host: SpawnedHost | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'local-host-'));
  notes = join(dir, 'notes.txt');
});

afterEach(async () => {
  await host?.kill('SIGKILL');
  host = undefined;
  rmSync(dir, { recursive: true, force: true });
});

async function start(args: string[] = []): Promise<SpawnedHost> {
  host = await spawnLocalHost({
    appDir: fixtureDir('durable'),
    stateFile: join(dir, 'state.sqlite'),
    logFile: join(dir, 'host.log'),
    env: { FIXTURE_NOTES: notes, TICK_SCHEDULE: '0 0 1 * *' },
    args,
  });
  return host;
}

function countNotes(text: string): number {
  return readNotes(notes).filter((line) => line === text).length;
}

function begin(url: string, id: string, names: string[], ms: number): Promise<string> {
  return callClient(url, 'startNew', ['slowSteps', { instanceId: id, input: { names, ms } }]);
}

function finished(url: string, id: string): Promise<StatusBody> {
  return poll(`end of ${id}`, async () => {
    const status = await callClient<StatusBody>(url, 'getStatus', [id]);
    return ['Completed', 'Failed'].includes(status.runtimeStatus) ? status : undefined;
  });
}

function integrity(): unknown {
  const db = new DatabaseSync(join(dir, 'state.sqlite'));
  const result = db.prepare('pragma integrity_check').get();
  db.close();
  return result;
}

describe('kill -9', () => {
  it('at any time loses nothing: six steps pass once each, in order', async () => {
    const names = ['s1', 's2', 's3', 's4', 's5', 's6'];
    let current = await start();
    await begin(current.url, 'run', names, 60);
    for (const name of ['s1', 's2', 's4', 's6']) {
      await poll(`start of ${name}`, () => (countNotes(`start ${name}`) > 0 ? true : undefined));
      await current.kill('SIGKILL');
      expect(integrity()).toEqual({ integrity_check: 'ok' });
      current = await start();
    }
    const status = await finished(current.url, 'run');
    expect(status).toMatchObject({ runtimeStatus: 'Completed', output: { names } });
    // What was in flight at a kill ran again; no step that had ended did.
    expect(readNotes(notes).filter((line) => line.startsWith('end'))).toEqual(
      names.map((name) => `end ${name}`),
    );
    for (const name of names) {
      expect(countNotes(`start ${name}`)).toBeLessThanOrEqual(2);
    }
    expect(readNotes(notes).filter((line) => line.startsWith('start')).length).toBeGreaterThan(6);
  }, 30_000);

  it('three times over 40 mixed orchestrations, each ends with its own result', async () => {
    let current = await start();
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
      current = await start();
    }
    for (const [n, { steps }] of programs.entries()) {
      expect(await finished(current.url, `p${n}`)).toMatchObject({
        runtimeStatus: 'Completed',
        output: { steps: steps.length, thrown: 0, last: { value: 'last' } },
      });
    }
    const db = new DatabaseSync(join(dir, 'state.sqlite'), { readOnly: true });
    for (const table of ['work', 'inbox', 'open_tasks']) {
      expect(db.prepare(`select count(*) as rows from ${table}`).get()).toEqual({ rows: 0 });
    }
    db.close();
  }, 60_000);

  it('leaves the activity in flight hidden until its visibility time-out has passed', async () => {
    const first = await start(['--visibility-timeout-ms', '3000']);
    await begin(first.url, 'run', ['only'], 400);
    await poll('start', () => (countNotes('start only') > 0 ? true : undefined));
    const killedMs = Date.now();
    await first.kill('SIGKILL');
    const second = await start(['--visibility-timeout-ms', '3000']);
    await poll('second start', () => (countNotes('start only') === 2 ? true : undefined));
    expect(Date.now() - killedMs).toBeGreaterThan(2_500);
    expect((await finished(second.url, 'run')).runtimeStatus).toBe('Completed');
  }, 30_000);
});

describe('SIGTERM', () => {
  it('waits for the activity that runs and keeps its result', async () => {
    const first = await start();
    await begin(first.url, 'run', ['a', 'b'], 300);
    await poll('start', () => (countNotes('start a') > 0 ? true : undefined));
    expect(await first.kill('SIGTERM')).toBe(0);
    expect(countNotes('end a')).toBe(1);
    expect(countNotes('start b')).toBe(0);
    const second = await start();
    expect((await finished(second.url, 'run')).runtimeStatus).toBe('Completed');
    expect(countNotes('start a')).toBe(1);
  }, 30_000);

  it('gives up waiting after its grace time', async () => {
    const first = await start(['--grace-ms', '200']);
    await begin(first.url, 'run', ['a'], 60_000);
    await poll('start', () => (countNotes('start a') > 0 ? true : undefined));
    const startedMs = Date.now();
    expect(await first.kill('SIGTERM')).toBe(0);
    expect(Date.now() - startedMs).toBeLessThan(5_000);
  }, 30_000);
});

describe('the death of the worker', () => {
  it('on request fails the running activity, and the host goes on', async () => {
    const first = await start();
    await begin(first.url, 'run', ['a'], 60_000);
    await poll('start', () => (countNotes('start a') > 0 ? true : undefined));
    first.failWorker();
    expect((await finished(first.url, 'run')).output).toContain('exited with code 137');
    await begin(first.url, 'next', ['b'], 1);
    expect((await finished(first.url, 'next')).runtimeStatus).toBe('Completed');
  }, 30_000);

  it('during a turn makes the instance Failed', async () => {
    const first = await start();
    await callClient(first.url, 'startNew', ['diesInTurn', { instanceId: 'run', input: {} }]).catch(
      () => undefined,
    );
    expect(await first.exited).toBe(3);
    const second = await start();
    const status = await finished(second.url, 'run');
    expect(status).toMatchObject({ runtimeStatus: 'Failed' });
    expect(status.output).toContain('exited with code 3');
  }, 30_000);

  it.each([
    ['process.exit', 'exits', 7, 7],
    ['an unhandled rejection', 'rejects', 70, 1],
  ])(
    'by %s fails the activity, which is not run again',
    async (_what, how, code, exitCode) => {
      const first = await start();
      await callClient(first.url, 'startNew', [
        'diesInActivity',
        { instanceId: 'run', input: { how } },
      ]).catch(() => undefined);
      expect(await first.exited).toBe(code);
      expect(readFileSync(join(dir, 'host.log'), 'utf8')).toContain('the worker process dies');
      const second = await start();
      const status = await finished(second.url, 'run');
      expect(status.runtimeStatus).toBe('Failed');
      expect(status.output).toContain(`exited with code ${exitCode}`);
      expect(countNotes(`dies ${how}`)).toBe(1);
    },
    30_000,
  );
});
