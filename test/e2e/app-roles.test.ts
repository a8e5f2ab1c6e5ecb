import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import sample from '../../local.settings.sample.json' with { type: 'json' };
import { unpackPackage } from '../../scripts/unpack.ts';
import { spawnLocalHost } from '../local-host/spawn-local-host.ts';

/** The packaged app on a host, with other settings, and without any Azure to talk to. */

let directory: string;
let appDir: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lockstep-roles-'));
  appDir = unpackPackage(join(directory, 'app'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function withApp<T>(
  name: string,
  settings: Readonly<Record<string, string | undefined>>,
  use: (host: Awaited<ReturnType<typeof spawnLocalHost>>) => Promise<T>,
): Promise<T> {
  const host = await spawnLocalHost({
    appDir,
    stateFile: join(directory, `${name}.sqlite`),
    logFile: join(directory, `${name}.log`),
    env: { ...sample.Values, NODE_OPTIONS: '--no-warnings', ...settings },
  });
  try {
    return await use(host);
  } finally {
    await host.kill('SIGKILL');
  }
}

describe('LOCKSTEP_ROLES', () => {
  it('decides which functions an app has', async () => {
    const names = await withApp('restore', { LOCKSTEP_ROLES: 'restore' }, async (host) => {
      expect(host.errors).toEqual([]);
      return host.functions.map((one) => one.name);
    });

    expect(names).toEqual(expect.arrayContaining(['createRestore', 'restoreVm', 'listPoints']));
    for (const name of ['createPoint', 'snapshotInLockstep', 'copySlice', 'removeDoomed']) {
      expect(names).not.toContain(name);
    }
  });

  it('registers everything without it, each name once', async () => {
    const { functions, errors } = await withApp(
      'all',
      { LOCKSTEP_ROLES: undefined },
      async (host) => ({
        functions: host.functions,
        errors: host.errors,
      }),
    );

    expect(errors).toEqual([]);
    expect(new Set(functions.map((one) => one.name)).size).toBe(functions.length);
    expect(functions.filter((one) => one.kind === 'timer')).toHaveLength(4);
  });

  it('is refused by every function when it is wrong, and says so', async () => {
    await withApp('wrong', { LOCKSTEP_ROLES: 'protect,mvoe' }, async ({ url, functionKey }) => {
      const headers = { 'x-functions-key': functionKey, 'content-type': 'application/json' };
      for (const [method, path] of [
        ['GET', '/api/vms'],
        ['POST', '/api/points'],
        ['POST', '/api/restores'],
        ['GET', '/api/runs/x'],
      ] as const) {
        const init = method === 'POST' ? { method, headers, body: '{}' } : { method, headers };
        const response = await fetch(`${url}${path}`, init);

        expect(response.status).toBe(503);
        expect(response.headers.get('content-type')).toBe('application/problem+json');
        expect(await response.json()).toMatchObject({
          errorCode: 'SettingInvalid',
          detail: expect.stringContaining('LOCKSTEP_ROLES'),
        });
      }
    });
  });
});
