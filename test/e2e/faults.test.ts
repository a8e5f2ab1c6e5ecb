import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultAction, FaultMatch } from '../local-azure/front/faults.ts';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { brokenPromises, readPoints } from './promises.ts';
import { BASELINE, copyReaches, protect, type SmallWorld, startSmallWorld } from './small-world.ts';

/** One fault each, at the moments where an answer that is lost could be taken for work not done. */

let small: SmallWorld;
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
  ])('makes the point by a new attempt after %s', async (_what, match, action) => {
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

describe('after all of that', () => {
  it('leaves nothing behind, and makes a point as if nothing had been', async () => {
    await protectAndCopy();
    await noPromiseIsBroken(150_000);
  });
});
