import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultAction, FaultMatch } from '../local-azure/front/faults.ts';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { brokenPromises, readPoints } from './promises.ts';
import { BASELINE, copyReaches, protect, type SmallWorld, startSmallWorld } from './small-world.ts';

/** One fault each, at the moments where an answer that is lost could be taken for work not done. */

let small: SmallWorld;
const restoredVmIds: string[] = [];
beforeAll(async () => {
  small = await startSmallWorld();
});
afterAll(async () => {
  await small?.world.stop();
});

/** Leftovers are looked for once, at the end: a session whose start was lost keeps its files a while. */
const noPromiseIsBroken = async (cleanWithinMs: number | 'later' = 'later'): Promise<void> => {
  expect(
    await brokenPromises(small.world, small.app, {
      vms: [small.vm],
      baseline: BASELINE,
      restoredVmIds,
      cleanWithinMs,
    }),
  ).toEqual([]);
};

/** Plants the fault, does the work, and makes sure that the fault was met. */
async function withFault<T>(
  match: FaultMatch,
  action: FaultAction,
  work: () => Promise<T>,
): Promise<T> {
  const { id } = await small.world.azure.control.addFault(match, action);
  const result = await work();
  const fault = (await small.world.azure.control.faults()).find((one) => one.id === id);
  await small.world.azure.control.clearFaults();
  expect(fault?.hits).toBeGreaterThan(0);
  return result;
}

const protectAndCopy = async (): Promise<void> => {
  const run = await protect(small.app, small.vm.vmId, { targets: [DEPLOYMENT.target] });
  expect(run).toMatchObject({ state: 'succeeded' });
  await copyReaches(small.app, run.pointId ?? '', ['sealed'], 90_000);
};

const LOST = { resetAfter: true } as const;

describe('an answer that is lost while a point is made', () => {
  it.each<[string, FaultMatch, FaultAction]>([
    [
      'a snapshot’s request',
      { service: 'arm', method: 'PUT', pathPattern: '/snapshots/', nth: 2 },
      LOST,
    ],
    [
      'every snapshot’s request of one attempt',
      { service: 'arm', method: 'PUT', pathPattern: '/snapshots/', count: 4 },
      LOST,
    ],
    [
      'the start of the helper',
      { service: 'arm', method: 'PUT', pathPattern: '/runCommands/' },
      LOST,
    ],
    [
      'the look at the VM',
      { service: 'arm', method: 'GET', pathPattern: '/virtualMachines/' },
      LOST,
    ],
  ])('makes one point after the answer is lost of %s', async (_what, match, action) => {
    const run = await withFault(match, action, () => protect(small.app, small.vm.vmId));

    expect(run).toMatchObject({ state: 'succeeded' });
    const point = (await readPoints(small.app)).find(({ pointId }) => pointId === run.pointId);
    expect(point?.label).toBe('fileSystem');
    expect(new Set(point?.disks.map(({ snapshot }) => snapshot?.snapshotId.slice(-6))).size).toBe(
      1,
    );
    await noPromiseIsBroken();
  });

  it.each<[string, FaultMatch, FaultAction]>([
    ['no copy can be written', { method: 'POST', pathPattern: '/LockstepCopies' }, { status: 500 }],
    ['a copy’s answer is lost', { method: 'POST', pathPattern: '/LockstepCopies' }, LOST],
    ['no point can be written', { method: 'PUT', pathPattern: '/LockstepPoints' }, { status: 503 }],
    ['a point’s answer is lost', { method: 'PUT', pathPattern: '/LockstepPoints' }, LOST],
    ['the catalog throttles', { pathPattern: '/Lockstep(Points|Copies|Made)' }, { status: 429 }],
  ])('records the point once although for a while %s', async (_what, match, action) => {
    const run = await withFault({ service: 'table', count: 5, ...match }, action, () =>
      protect(small.app, small.vm.vmId, { targets: [DEPLOYMENT.target] }),
    );

    expect(run).toMatchObject({ state: 'succeeded' });
    const points = (await readPoints(small.app)).filter((one) => one.pointId === run.pointId);
    expect(points).toMatchObject([{ state: 'recorded', label: 'fileSystem' }]);
    expect(points[0]?.copies.map(({ copy }) => copy).sort()).toEqual([
      DEPLOYMENT.target,
      'primary',
    ]);
    await noPromiseIsBroken();
  });
});

describe('a point that cannot be recorded', () => {
  it('fails, and its snapshots go', async () => {
    // Four tries of the activity, three of the client each.
    const run = await withFault(
      { service: 'table', method: 'PUT', pathPattern: '/LockstepPoints', count: 12 },
      { status: 500 },
      () => protect(small.app, small.vm.vmId, { targets: [DEPLOYMENT.target] }),
    );

    expect(run.state).toBe('failed');
    const point = (await readPoints(small.app)).find(({ pointId }) => pointId === run.pointId);
    expect(point?.state).toBe('failed');
    expect(point?.copies.filter(({ state }) => state === 'sealed')).toEqual([]);
    await noPromiseIsBroken();
  });
});

describe('an answer that is lost while a point is copied', () => {
  it.each<[string, FaultMatch, FaultAction]>([
    [
      'the platform throttles the access to a snapshot',
      { service: 'arm', method: 'POST', pathPattern: '/beginGetAccess', count: 3 },
      { status: 429, headers: { 'Retry-After': '1' } },
    ],
    [
      'the answer to the access is lost',
      { service: 'arm', method: 'POST', pathPattern: '/beginGetAccess', count: 2 },
      LOST,
    ],
    [
      'the manifest’s answer is lost',
      { service: 'blob', method: 'PUT', pathPattern: '/points/[^/]+\\.json' },
      LOST,
    ],
    [
      'the seal’s answer is lost',
      { service: 'blob', method: 'PUT', pathPattern: '\\.vhd.*comp=snapshot', count: 2 },
      LOST,
    ],
    [
      'the lease’s answer is lost',
      { service: 'blob', method: 'PUT', pathPattern: '\\.vhd.*comp=lease', count: 2 },
      LOST,
    ],
    [
      'a page’s answer is lost',
      { service: 'blob', operation: 'Put Page From URL', nth: 2, count: 3 },
      LOST,
    ],
    [
      'the end of the access is lost',
      { service: 'arm', method: 'POST', pathPattern: '/endGetAccess' },
      LOST,
    ],
  ])('seals the replica although %s', async (_what, match, action) => {
    await withFault(match, action, protectAndCopy);
    await noPromiseIsBroken();
  });
});

describe('an answer that is lost while a VM is restored', () => {
  it.each<[string, FaultMatch, FaultAction]>([
    ['disk', { service: 'arm', method: 'PUT', pathPattern: '/disks/', nth: 2, count: 2 }, LOST],
    [
      'network interface',
      { service: 'arm', method: 'PUT', pathPattern: '/networkInterfaces/' },
      LOST,
    ],
    ['VM', { service: 'arm', method: 'PUT', pathPattern: '/virtualMachines/' }, LOST],
    [
      'tag',
      {
        service: 'arm',
        pathPattern: '/(tags/default|virtualMachines/lost-[^?]*\\?)',
        method: 'PATCH',
        count: 2,
      },
      LOST,
    ],
  ])('makes the VM once although the answer of its %s is lost', async (what, match, action) => {
    const [point] = (await readPoints(small.app)).filter((one) => one.state === 'recorded');
    const vmName = `lost-${what.replace(' ', '-').toLowerCase()}`;
    const run = await withFault(match, action, async () => {
      const started = await small.app.call('POST', '/api/restores', {
        pointId: point?.pointId,
        mode: 'newVm',
        source: 'primary',
        overrides: { vmName },
      });
      expect(started).toMatchObject({ status: 202 });
      return small.app.finishRun(started.headers.get('location') ?? '');
    });

    expect(run).toMatchObject({ state: 'succeeded' });
    restoredVmIds.push(String(run.result?.['vmId']));
    await noPromiseIsBroken();
  });
});

describe('after all of that', () => {
  it('leaves nothing behind, and makes a point as if nothing had been', async () => {
    await protectAndCopy();
    await noPromiseIsBroken(150_000);
  });
});
