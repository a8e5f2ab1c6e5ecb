import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { HostJsonError } from './core/host-json.ts';
import { AppLoadError } from './core/load-app.ts';
import { type WrittenApp, writeApp } from './fixture-app.ts';
import { poll } from './fixture-host.ts';
import type { LogLine } from './host-log.ts';
import { HostStartError, spawnLocalHost } from './spawn-local-host.ts';
import { type LocalHost, startLocalHost } from './start-local-host.ts';

const apps: WrittenApp[] = [];
const hosts: LocalHost[] = [];

const OPEN = `import { app } from '@azure/functions';
app.http('open', { handler: () => ({ body: 'open' }) });`;

const DURABLE = `import * as df from 'durable-functions';
df.app.activity('act', { handler: () => ({}) });`;

function start(files: Record<string, string>): Promise<LocalHost> {
  const app = writeApp(files);
  apps.push(app);
  return startLocalHost({ appDir: app.dir, stateFile: ':memory:', writeLog: () => undefined }).then(
    (host) => {
      hosts.push(host);
      return host;
    },
  );
}

afterEach(async () => {
  for (const host of hosts.splice(0)) {
    await host.stop();
  }
  for (const app of apps.splice(0)) {
    app.remove();
  }
});

describe('what makes the genuine host lose all functions is refused', () => {
  const register = (type: string) =>
    `import { app } from '@azure/functions'; import * as df from 'durable-functions'; ${type}`;

  it.each([
    [
      'a syntax error',
      { 'functions/a.js': 'const = 1;', 'functions/b.js': OPEN },
      'functions/a.js',
    ],
    ['a missing import', { 'functions/a.js': "import './gone.js';" }, 'gone'],
    ['a throw at top level', { 'functions/a.js': "throw new Error('at top');" }, 'at top'],
    ['a glob without a match', { 'other/a.js': OPEN }, 'functions/*.js'],
    [
      'one name used twice across trigger kinds',
      {
        'functions/a.js': OPEN,
        'functions/b.js': register("df.app.activity('Open', { handler: () => ({}) });"),
      },
      'registered twice',
    ],
    ['a package.json without main', { 'package.json': '{}', 'functions/a.js': OPEN }, '"main"'],
    ['an app that registers nothing', { 'functions/a.js': 'export {};' }, 'no function'],
  ])('%s', async (_what, files, text) => {
    const failure = start(files as Record<string, string>);
    await expect(failure).rejects.toThrow(AppLoadError);
    await expect(failure).rejects.toThrow(text);
  });

  const host = (value: unknown) => ({ 'functions/a.js': OPEN, 'host.json': JSON.stringify(value) });
  const durable = (value: unknown) => host({ version: '2.0', extensions: { durableTask: value } });

  it.each([
    ['a syntax error in host.json', { 'functions/a.js': OPEN, 'host.json': '{' }, 'host.json'],
    ['another version', host({ version: '1.0' }), '"version"'],
    ['a hub name with a dash', durable({ hubName: 'my-hub' }), '"hubName"'],
    ['a number that is none', durable({ maxConcurrentActivityFunctions: 'ten' }), 'whole number'],
    ['17 partitions', durable({ storageProvider: { partitionCount: 17 } }), '"partitionCount"'],
  ])('%s', async (_what, files, text) => {
    const failure = start(files as Record<string, string>);
    await expect(failure).rejects.toThrow(HostJsonError);
    await expect(failure).rejects.toThrow(text);
  });
});

describe('what the genuine host shrugs off is accepted', () => {
  it('unknown keys in host.json', async () => {
    const host = await start({
      'functions/a.js': OPEN,
      'host.json': JSON.stringify({ version: '2.0', whatever: { a: 1 } }),
    });
    expect(host.errors).toEqual([]);
  });

  it('durable functions without an extension bundle are lost, the others are not', async () => {
    const host = await start({
      'functions/a.js': OPEN,
      'functions/b.js': DURABLE,
      'host.json': JSON.stringify({ version: '2.0' }),
    });
    expect(host.errors.map((error) => error.function)).toEqual(['act']);
    expect((await fetch(`${host.url}/api/open`)).status).toBe(200);
  });

  it('another route prefix, or none', async () => {
    for (const [routePrefix, path] of [
      ['v1/x', '/v1/x/open'],
      ['', '/open'],
    ]) {
      const host = await start({
        'functions/a.js': OPEN,
        'host.json': JSON.stringify({ version: '2.0', extensions: { http: { routePrefix } } }),
      });
      expect((await fetch(`${host.url}${path}`)).status).toBe(200);
    }
  });

  it('a CommonJS app', async () => {
    const host = await start({
      'package.json': JSON.stringify({ name: 'cjs', main: 'functions/*.js' }),
      'functions/a.js':
        "const { app } = require('@azure/functions'); app.http('open', { handler: () => ({ body: 'cjs' }) });",
    });
    expect(await (await fetch(`${host.url}/api/open`)).text()).toBe('cjs');
  });
});

it('runs hooks around every call', async () => {
  const host = await start({
    'functions/a.js': `import { app } from '@azure/functions';
let started = false;
app.hook.appStart(() => { started = true; });
app.hook.preInvocation((context) => {
  const handler = context.functionHandler;
  context.functionHandler = async (...args) => ({ body: (await handler(...args)).body + ' wrapped ' + started });
});
app.hook.postInvocation((context) => { context.result = { body: context.result.body + ' after' }; });
app.http('open', { handler: () => ({ body: 'open' }) });`,
  });
  expect(await (await fetch(`${host.url}/api/open`)).text()).toBe('open wrapped true after');
});

it('registers nothing once the app has started', async () => {
  const host = await start({
    'functions/a.js': `import { app } from '@azure/functions';
app.http('late', { handler: () => { app.http('more', { handler: () => ({}) }); return {}; } });`,
  });
  expect((await fetch(`${host.url}/api/late`)).status).toBe(500);
});

it('refuses a state file of another version', async () => {
  const app = writeApp({ 'functions/a.js': OPEN });
  apps.push(app);
  const options = { appDir: app.dir, stateFile: app.stateFile, writeLog: () => undefined };
  await (await startLocalHost(options)).stop();
  const { DatabaseSync } = await import('node:sqlite');
  const db = new DatabaseSync(app.stateFile);
  db.exec("update meta set value = '999' where key = 'version'");
  db.close();
  await expect(startLocalHost(options)).rejects.toThrow('version 999');
});

describe('the process', () => {
  it('says in one line why it does not start, and exits with code 1', async () => {
    const app = writeApp({ 'functions/a.js': "throw new Error('at top');" });
    apps.push(app);
    const failure = spawnLocalHost({
      appDir: app.dir,
      stateFile: app.stateFile,
      logFile: app.logFile,
    });
    await expect(failure).rejects.toThrow(HostStartError);
    await expect(failure).rejects.toThrow('functions/a.js: at top');
  });

  it('keeps its keys over a restart and hands app settings to the app', async () => {
    const app = writeApp({
      'functions/a.js': `import { app } from '@azure/functions';
app.http('setting', { authLevel: 'function', handler: () => ({ body: process.env.A_SETTING }) });`,
    });
    apps.push(app);
    const options = {
      appDir: app.dir,
      stateFile: app.stateFile,
      logFile: app.logFile,
      env: { A_SETTING: 'value' },
    };
    const first = await spawnLocalHost(options);
    expect(await first.kill('SIGTERM')).toBe(0);
    const second = await spawnLocalHost(options);
    expect(second.functionKey).toBe(first.functionKey);
    const response = await fetch(`${second.url}/api/setting?code=${first.functionKey}`);
    expect(await response.text()).toBe('value');
    expect(await second.kill('SIGKILL')).toBeNull();
  });

  it('writes one line to stdout, and everything else as JSON lines to stderr', async () => {
    const app = writeApp({
      'functions/a.js': `${OPEN}
console.log('printed %s', 'while loading');
app.http('talks', { handler: (_request, context) => {
  console.error('careful'); context.log('from context'); return {};
} });`,
    });
    apps.push(app);
    const main = join(import.meta.dirname, 'main.ts');
    const args = [main, '--app', app.dir, '--state', app.stateFile];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    const ready = await poll('ready line', () =>
      stdout.includes('\n') ? (JSON.parse(stdout) as Record<string, unknown>) : undefined,
    );
    expect(ready).toMatchObject({ ready: true, functions: expect.any(Array), errors: [] });
    await fetch(`${ready['url']}/api/talks`);
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(stdout.trim().split('\n')).toHaveLength(1);
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as LogLine);
    expect(lines.map(({ level, function: name, message }) => [level, name, message])).toEqual([
      ['information', undefined, 'printed while loading'],
      ['error', undefined, 'careful'],
      ['information', 'talks', 'from context'],
      ['information', undefined, 'stopping'],
    ]);
  });

  it('says what is wrong with its arguments', async () => {
    const app = writeApp({ 'functions/a.js': OPEN });
    apps.push(app);
    const options = { appDir: app.dir, stateFile: app.stateFile, logFile: app.logFile };
    await expect(spawnLocalHost({ ...options, args: ['--unknown'] })).rejects.toThrow('--unknown');
    await expect(spawnLocalHost({ ...options, stateFile: app.dir })).rejects.toThrow(
      `the state file ${app.dir} cannot be opened`,
    );
  });
});
