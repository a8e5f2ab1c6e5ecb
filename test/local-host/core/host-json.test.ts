import { availableParallelism } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { type WrittenApp, writeApp } from '../fixture-app.ts';
import { readHostJson, resolveSetting } from './host-json.ts';

const apps: WrittenApp[] = [];

afterEach(() => {
  for (const app of apps.splice(0)) {
    app.remove();
  }
});

function read(value: unknown, env: NodeJS.ProcessEnv = {}) {
  const app = writeApp({ 'host.json': JSON.stringify(value) });
  apps.push(app);
  return readHostJson(app.dir, env);
}

describe('readHostJson', () => {
  it('has the defaults of the genuine host', () => {
    expect(read({ version: '2.0' })).toEqual({
      routePrefix: 'api',
      hubName: 'TestHubName',
      defaultVersion: undefined,
      versionMatchStrategy: 'CurrentOrOlder',
      versionFailureStrategy: 'Reject',
      maxConcurrentActivityFunctions: 10 * availableParallelism(),
      maxConcurrentOrchestratorFunctions: 10 * availableParallelism(),
      hasExtensionBundle: false,
    });
  });

  it('resolves the hub name from app settings', () => {
    const value = { version: '2.0', extensions: { durableTask: { hubName: 'Hub%REGION%' } } };
    expect(read(value, { REGION: 'West' }).hubName).toBe('HubWest');
    expect(() => read(value)).toThrow('"hubName"');
  });

  it.each([
    ['a list', []],
    ['null', null],
    ['a section that is no object', { version: '2.0', extensions: 'all' }],
    [
      'a hub name that is no string',
      { version: '2.0', extensions: { durableTask: { hubName: 1 } } },
    ],
    [
      'a hub name of two letters',
      { version: '2.0', extensions: { durableTask: { hubName: 'ab' } } },
    ],
  ])('refuses %s', (_what, value) => {
    expect(() => read(value)).toThrow('host.json: ');
  });
});

describe('resolveSetting', () => {
  it('replaces every setting, and gives undefined when one is missing', () => {
    expect(resolveSetting('%A% - %B%', { A: '1', B: '2' })).toBe('1 - 2');
    expect(resolveSetting('%A% - %B%', { A: '1' })).toBeUndefined();
    expect(resolveSetting('plain', {})).toBe('plain');
  });
});
