import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type WrittenApp, writeApp } from './fixture-app.ts';
import { type FixtureHost, fixtureDir, poll, readNotes, startFixture } from './fixture-host.ts';
import { type SpawnedHost, spawnLocalHost } from './spawn-local-host.ts';

const hosts: FixtureHost[] = [];
const spawned: SpawnedHost[] = [];
const apps: WrittenApp[] = [];

async function start(...args: Parameters<typeof startFixture>): Promise<FixtureHost> {
  const host = await startFixture(...args);
  hosts.push(host);
  return host;
}

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(spawned.splice(0).map((host) => host.kill('SIGKILL')));
  await Promise.all(hosts.splice(0).map((host) => host.dispose()));
  for (const app of apps.splice(0)) {
    app.remove();
  }
});

function durableApp(hostJson: unknown): WrittenApp {
  const app = writeApp({
    'host.json': JSON.stringify({
      version: '2.0',
      extensions: { durableTask: hostJson },
      extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
    }),
    ...Object.fromEntries(
      ['activities', 'orchestrations', 'client'].map((name) => [
        `functions/${name}.js`,
        readFileSync(join(fixtureDir('durable'), 'functions', `${name}.js`), 'utf8'),
      ]),
    ),
  });
  apps.push(app);
  return app;
}

describe('two hosts side by side', () => {
  it('in one process keep their instances apart', async () => {
    const [west, north] = [await start('durable'), await start('durable')];
    await west.run('returnsInput', { where: 'west' }, 'same-id');
    await north.run('returnsInput', { where: 'north' }, 'same-id');
    expect((await west.status('same-id')).input).toEqual({ where: 'west' });
    expect((await north.status('same-id')).input).toEqual({ where: 'north' });
    expect(west.functionKey).not.toBe(north.functionKey);
  });

  it('in two processes write nothing but their own state and log', async () => {
    const both = [durableApp({ hubName: 'West' }), durableApp({ hubName: 'North' })];
    for (const app of both) {
      const { dir: appDir, stateFile, logFile } = app;
      spawned.push(await spawnLocalHost({ appDir, stateFile, logFile }));
    }
    for (const [index, { url }] of spawned.entries()) {
      const response = await fetch(`${url}/api/start-and-check`, { method: 'POST' });
      expect(response.headers.get('location')).toContain(`taskHub=${['West', 'North'][index]}`);
    }
    for (const app of both) {
      const files = readdirSync(dirname(app.stateFile)).sort();
      expect(files).toEqual([
        'app',
        'host.log',
        'state.sqlite',
        'state.sqlite-shm',
        'state.sqlite-wal',
      ]);
    }
  });
});

describe('host.json', () => {
  it('limits how many activities run at once', async () => {
    const app = durableApp({ hubName: 'Limited', maxConcurrentActivityFunctions: 2 });
    const host = await start('durable', { appDir: app.dir });
    const notes = join(host.dir, 'notes.txt');
    vi.stubEnv('FIXTURE_NOTES', notes);
    const ids = await Promise.all(
      [1, 2, 3, 4, 5].map((n) => host.begin('slowSteps', { names: [`n${n}`], ms: 30 })),
    );
    await Promise.all(ids.map((id) => host.finished(id)));
    let running = 0;
    const most = readNotes(notes).map((line) => {
      running += line.startsWith('start') ? 1 : -1;
      return running;
    });
    expect(Math.max(...most)).toBe(2);
  });

  it('without defaultVersion makes a start with a version Failed', async () => {
    const app = durableApp({ hubName: 'Unversioned' });
    const host = await start('durable', { appDir: app.dir });
    const id = await host.client<string>('startNew', 'returnsInput', { version: '1.0', input: {} });
    const status = await host.finished(id);
    expect(status.output).toContain('on Azure it would stay Pending for ever');
    expect((await host.run('returnsInput', {})).output).toEqual({ input: {}, version: '' });
  });
});

it('in the repeating mode some activities run twice, and the first outcome counts', async () => {
  const host = await start('durable', { repeatSeed: 3 });
  const notes = join(host.dir, 'notes.txt');
  vi.stubEnv('FIXTURE_NOTES', notes);
  const names = Array.from({ length: 20 }, (_unused, n) => `r${n}`);
  expect((await host.run('slowSteps', { names, ms: 1 })).output).toEqual({ names });
  await poll('all ends', () => (host.isIdle() ? true : undefined));
  const ends = readNotes(notes).filter((line) => line.startsWith('end'));
  expect(new Set(ends).size).toBe(20);
  expect(ends.length).toBeGreaterThan(20);
  expect(ends.length).toBeLessThan(35);
});

describe('instances', () => {
  it('carry 2 MB', async () => {
    const host = await start('durable');
    const text = 'x'.repeat(2_000_000);
    const { output } = await host.run('echoes', [{ text }]);
    expect(output).toEqual([{ text }]);
  });

  it('continue as new only when every scheduled activity has ended', async () => {
    const host = await start('durable');
    const startedMs = Date.now();
    expect((await host.run('anyThenLoops', { round: 0 })).output).toEqual({ round: 1 });
    expect(Date.now() - startedMs).toBeGreaterThanOrEqual(150);
  });

  it('show their history to whoever has the system key', async () => {
    const host = await start('durable');
    const response = await fetch(`${host.url}/api/start-and-check`, { method: 'POST' });
    const { id = '', statusQueryGetUri = '' } = (await response.json()) as Record<string, string>;
    await host.finished(id);
    const shown = await fetch(`${statusQueryGetUri}&showHistory=true&showHistoryOutput=true`);
    const { historyEvents } = (await shown.json()) as { historyEvents: Record<string, unknown>[] };
    expect(historyEvents.map((event) => event['EventType'])).toEqual([
      'ExecutionStarted',
      'TaskCompleted',
      'ExecutionCompleted',
    ]);
    expect(historyEvents[1]).toMatchObject({ FunctionName: 'double', Result: { value: 2 } });
  });

  it('with a slash in the id are not reachable', async () => {
    const host = await start('durable');
    await expect(host.begin('returnsInput', {}, 'a/b')).rejects.toThrow('404');
  });

  it('fail their parent when they are terminated', async () => {
    const host = await start('durable');
    const id = await host.begin('parent', { child: 'waits', childId: 'child', input: {} });
    await poll('the child', async () => {
      const all =
        await host.client<{ instanceId: string; runtimeStatus: string }[]>('getStatusAll');
      return all.find((row) => row.instanceId === 'child' && row.runtimeStatus === 'Running');
    });
    await host.client('terminate', 'child', 'enough');
    expect(await host.finished(id)).toMatchObject({ runtimeStatus: 'Failed' });
  });

  it('are started by a timer function', async () => {
    const host = await start('durable', {
      masterKey: 'm',
      runsSchedules: false,
      env: { TICK_SCHEDULE: '0 0 1 * *' },
    });
    await fetch(`${host.url}/admin/functions/tick?code=m`, { method: 'POST' });
    await poll('the instance', () => host.finished('from-timer').catch(() => undefined));
    expect(host.logs.some((line) => line.function === 'tick')).toBe(true);
  });
});
