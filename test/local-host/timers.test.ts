import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type FixtureHost, poll, readNotes, startFixture } from './fixture-host.ts';
import { createHostClock } from './host-clock.ts';
import type { LocalHostOptions } from './start-local-host.ts';

const hosts: FixtureHost[] = [];

async function start(options: Partial<LocalHostOptions> = {}): Promise<FixtureHost> {
  const host = await startFixture('timers', {
    masterKey: 'm',
    env: { EVERY_SECOND: '* * * * * *', NIGHTLY: '0 3 * * *' },
    ...options,
  });
  hosts.push(host);
  return host;
}

afterEach(async () => {
  for (const host of hosts.splice(0)) {
    await host.dispose();
  }
  vi.unstubAllEnvs();
});

function runNow(host: FixtureHost, name: string, key = 'm'): Promise<number> {
  return fetch(`${host.url}/admin/functions/${name}?code=${key}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"input":""}',
  }).then((response) => response.status);
}

function notesFile(host: FixtureHost): string {
  const file = join(host.dir, 'notes.txt');
  writeFileSync(file, '');
  vi.stubEnv('FIXTURE_NOTES', file);
  return file;
}

describe('timer functions', () => {
  it('fire by their schedule', async () => {
    const host = await start();
    const notes = notesFile(host);
    await poll('two ticks', () =>
      readNotes(notes).filter((line) => line === 'everySecond start false').length >= 2
        ? true
        : undefined,
    );
  });

  it('run when told to, with the master key only', async () => {
    const host = await start({ runsSchedules: false });
    const notes = notesFile(host);
    expect(await runNow(host, 'nightly', 'wrong')).toBe(401);
    expect(await runNow(host, 'missing')).toBe(404);
    expect(await runNow(host, 'nightly')).toBe(202);
    await poll('the run', () => readNotes(notes).includes('nightly false') || undefined);
  });

  it('do not fire when schedules are off', async () => {
    const clock = createHostClock();
    const host = await start({ runsSchedules: false, clock });
    const notes = notesFile(host);
    clock.advance(2 * 86_400_000);
    await runNow(host, 'nightly');
    await poll('the run', () => (readNotes(notes).length > 0 ? true : undefined));
    expect(readNotes(notes)).toEqual(['nightly false']);
  });

  it('never overlap with themselves', async () => {
    const host = await start({ runsSchedules: false });
    const notes = notesFile(host);
    await Promise.all([1, 2, 3].map(() => runNow(host, 'everySecond')));
    const lines = await poll('three runs', () => {
      const read = readNotes(notes);
      return read.length === 6 ? read : undefined;
    });
    const pair = ['everySecond start false', 'everySecond end'];
    expect(lines).toEqual([...pair, ...pair, ...pair]);
  });

  it('go on after a run that threw', async () => {
    const host = await start({ runsSchedules: false });
    const notes = notesFile(host);
    await runNow(host, 'breaks');
    await runNow(host, 'nightly');
    await runNow(host, 'breaks');
    await poll('both', () => {
      const failures = host.logs.filter((line) => line.message.includes('(Failed): on purpose'));
      return (failures.length === 2 && readNotes(notes).includes('nightly false')) || undefined;
    });
  });

  it('make up once for an occurrence that passed while the host was down', async () => {
    const first = await start();
    await first.stop();
    const dayMs = 86_400_000;
    vi.stubEnv('FIXTURE_NOTES', undefined);
    const notes = notesFile(first);
    await start({ stateFile: first.stateFile, clock: createHostClock(2 * dayMs) });
    await poll('the late run', () => readNotes(notes).includes('nightly true') || undefined);
    expect(readNotes(notes).filter((line) => line === 'nightly true')).toHaveLength(1);
  });

  it('wait for the lock that a killed host left behind', async () => {
    const first = await start({ runsSchedules: false });
    await first.stop();
    const db = new DatabaseSync(first.stateFile);
    db.prepare('insert or replace into meta (key, value) values (?, ?)').run(
      'listenerLockUntilMs',
      String(Date.now() + 60_000),
    );
    db.close();
    const clock = createHostClock();
    const host = await start({ stateFile: first.stateFile, clock, listenerLockPeriodMs: 60_000 });
    const notes = notesFile(host);
    await runNow(host, 'nightly');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(readNotes(notes)).toEqual(['nightly false']);
    clock.advance(60_000);
    await poll('a tick', () => (readNotes(notes).length > 1 ? true : undefined));
  });

  it('resolve their schedule from app settings, in five fields or six', async () => {
    const host = await start({ runsSchedules: false });
    expect(host.functions).toContainEqual({
      name: 'nightly',
      kind: 'timer',
      schedule: '0 3 * * *',
    });
  });

  it('without their setting, or with a bad schedule, are lost alone', async () => {
    const host = await start({ runsSchedules: false, env: { EVERY_SECOND: '* * * * * *' } });
    expect(host.errors.map((error) => error.function).sort()).toEqual(['badCron', 'nightly']);
    expect(host.errors.find((error) => error.function === 'nightly')?.message).toContain(
      "'%NIGHTLY%' does not resolve to a value",
    );
    expect(host.functions.map((fn) => fn.name)).toContain('everySecond');
  });
});
