import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionsOf, ROLES, type Role } from '../../functions/shared/roles.ts';
import type { PlacedScenario } from '../local-azure/control/scenario-types.ts';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { until } from '../world/lockstep-api.ts';
import { type App, startWorld, type World } from '../world/start-world.ts';
import { brokenPromises, readPoints } from './promises.ts';
import { BASELINE, copyReaches, fourDisks, protect, QUICK } from './small-world.ts';

/** Four apps of one role each, as on Azure: only the catalog and the replicas join them. */

let world: World;
let vm: PlacedScenario;
let apps: Readonly<Record<Role, App>>;
let pointId = '';
const restoredVmIds: string[] = [];

beforeAll(async () => {
  world = await startWorld({ ...QUICK, identities: [...ROLES] });
  vm = await world.azure.control.createVm(fourDisks('db-1'));
  await world.guests.startWriters(vm.vmId, 200);
  await world.azure.control.takeBaseline(BASELINE);
  await world.azure.control.clearRequests();
  const started = await Promise.all(
    ROLES.map(async (role): Promise<[Role, App]> => {
      const overrides = { LOCKSTEP_GUEST_TIMEOUT_S: '6' };
      return [role, await world.startApp({ name: role, roles: role, identity: role, overrides })];
    }),
  );
  apps = Object.fromEntries(started) as Record<Role, App>;
});
afterAll(async () => {
  await world?.stop();
});

describe('four apps of one role each', () => {
  it('register exactly the functions of their role', () => {
    for (const role of ROLES) {
      const { functions, errors } = apps[role].host;
      expect(errors).toEqual([]);
      const names = functions.map(({ name }) => name).sort();
      expect(names).toEqual([...functionsOf(role)].sort());
    }
    const owners = (name: string): readonly Role[] =>
      ROLES.filter((role) => apps[role].host.functions.some((one) => one.name === name));
    expect(owners('snapshotInLockstep')).toEqual(['protect']);
    expect(owners('createPoint')).toEqual(['protect']);
    expect(owners('copySlice')).toEqual(['move']);
    expect(owners('removeDoomed')).toEqual(['expire']);
    expect(owners('createRestore')).toEqual(['restore']);
    expect(owners('listPoints')).toEqual(['protect', 'restore']);
  });

  it.each<[string, string, readonly Role[]]>([
    ['GET', '/api/vms', ['protect', 'restore']],
    ['GET', '/api/points', ['protect', 'restore']],
    ['GET', '/api/points/p-20200101T000000Z-00000000', ['protect', 'restore']],
    ['GET', '/api/runs/nothing', ['protect', 'restore']],
    ['POST', '/api/points', ['protect']],
    ['POST', '/api/restores', ['restore']],
    ['POST', '/api/catalog/rebuild', ['restore']],
  ])('answer %s %s only in their role', async (method, path, owners) => {
    for (const role of ROLES) {
      const answer = await apps[role].call(method, path, method === 'POST' ? {} : undefined);
      // The product's own 404 is a problem document; the host's, for a route nobody has, is not.
      const isOurs = (answer.headers.get('content-type') ?? '').includes('json');
      expect({ role, isOurs }).toEqual({ role, isOurs: owners.includes(role) });
      if (!owners.includes(role)) expect(answer.status).toBe(404);
    }
  });

  it('make a point, copy it and clean up after a failed run together', async () => {
    const run = await protect(apps.protect, vm.vmId, { targets: [DEPLOYMENT.target] });
    expect(run.state).toBe('succeeded');
    pointId = run.pointId ?? '';
    await copyReaches(apps.protect, pointId, ['sealed']);

    await world.azure.control.addFault(
      { service: 'arm', method: 'PUT', pathPattern: '/snapshots/', nth: 3, count: 1 },
      { status: 409, code: 'OperationNotAllowed', message: 'planted refusal' },
    );
    const failed = await protect(apps.protect, vm.vmId);
    await world.azure.control.clearFaults();

    expect(failed.failure?.message).toContain('planted refusal');
    expect(
      await brokenPromises(world, apps.protect, {
        vms: [vm],
        baseline: BASELINE,
        cleanWithinMs: 60_000,
      }),
    ).toEqual([]);
  });

  it('tell of each other’s runs by the catalog', async () => {
    const answer = await apps.restore.call<{ points: readonly { pointId: string }[] }>(
      'GET',
      '/api/points',
    );
    expect(answer.body.points.map((one) => one.pointId)).toContain(pointId);
  });

  it('restore from the primary and from the replica', async () => {
    const { restoreGroup, pairedRegion } = DEPLOYMENT;
    // The network is there; this answers its subnet's id.
    const { subnetId } = await world.azure.control.createNetwork({
      name: restoreGroup,
      resourceGroup: restoreGroup,
      region: pairedRegion,
    });
    for (const [source, place] of [
      ['primary', {}],
      ['replica', { resourceGroup: restoreGroup, subnetId }],
    ] as const) {
      const started = await apps.restore.call('POST', '/api/restores', {
        pointId,
        mode: 'newVm',
        source,
        overrides: { vmName: `from-${source}`, ...place },
      });
      expect(started).toMatchObject({ status: 202 });
      const location = started.headers.get('location') ?? '';
      const run = await apps.restore.finishRun(location);
      expect(run).toMatchObject({ state: 'succeeded', kind: 'restore' });
      restoredVmIds.push(String(run.result?.['vmId']));
      // The protecting app knows the run by its row.
      expect((await apps.protect.call('GET', location)).body).toMatchObject({ state: 'succeeded' });
    }
    expect(
      await brokenPromises(world, apps.protect, { vms: [vm], baseline: BASELINE, restoredVmIds }),
    ).toEqual([]);
  });

  it('ask ARM only for what their role may do', async () => {
    const requests = await world.azure.control.requests({ service: 'arm' });
    const askersOf = (method: string, path: RegExp): readonly string[] => [
      ...new Set(
        requests
          .filter((one) => one.method === method && path.test(one.path))
          .map(({ identity }) => identity ?? 'nobody'),
      ),
    ];
    expect(askersOf('PUT', /\/snapshots\/[^/?]+\?/)).toEqual(['protect']);
    expect(askersOf('DELETE', /\/snapshots\//)).toEqual(['expire']);
    expect(askersOf('PUT', /\/runCommands\//)).toEqual(['protect']);
    expect(askersOf('PUT', /\/(disks|virtualMachines|networkInterfaces)\/[^/?]+\?/)).toEqual([
      'restore',
    ]);
  });

  it('log no error, and log something', async () => {
    await until(
      'every app logged a tick',
      () => (ROLES.every((role) => linesOf(apps[role]).length > 5) ? true : undefined),
      30_000,
    );
    for (const role of ROLES) {
      const bad = linesOf(apps[role]).filter(({ level }) => /^(error|critical)$/.test(level));
      expect({ role, bad }).toEqual({ role, bad: [] });
    }
    expect((await readPoints(apps.restore)).some((point) => point.pointId === pointId)).toBe(true);
  });
});

interface LogLine {
  readonly level: string;
  readonly message: string;
}

/** Every line must be one of the host's: what is printed past it counts as an error. */
function linesOf(app: App): readonly LogLine[] {
  return readFileSync(app.logFile, 'utf8')
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => {
      try {
        return JSON.parse(text) as LogLine;
      } catch {
        return { level: 'error', message: text };
      }
    });
}
