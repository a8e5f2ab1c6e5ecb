import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultAction, FaultMatch } from '../local-azure/front/faults.ts';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { LOST, withFault } from './planted-fault.ts';
import { brokenPromises, readPoints } from './promises.ts';
import { BASELINE, protect, type SmallWorld, startSmallWorld } from './small-world.ts';

/** Faults while a point is made: one fault each, above all an answer that is lost, which could be taken for work not done. */

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

/** What the service says to the guest: first `go`, then `release`. */
const TO_GUEST = '/guest-sessions/.*to-guest.*comp=appendblock';

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
    ['the order to freeze', { service: 'blob', method: 'PUT', pathPattern: TO_GUEST }, LOST],
    ['the order to thaw', { service: 'blob', method: 'PUT', pathPattern: TO_GUEST, nth: 2 }, LOST],
    [
      'the look at the VM',
      { service: 'arm', method: 'GET', pathPattern: '/virtualMachines/' },
      LOST,
    ],
  ])('makes one point after the answer is lost of %s', async (_what, match, action) => {
    const run = await withFault(small.world, match, action, () =>
      protect(small.app, small.vm.vmId),
    );

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
    const run = await withFault(small.world, { service: 'table', count: 5, ...match }, action, () =>
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
      small.world,
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

describe('after all of that', () => {
  it('leaves nothing behind, and makes a point as if nothing had been', async () => {
    expect(await protect(small.app, small.vm.vmId)).toMatchObject({ state: 'succeeded' });
    await noPromiseIsBroken(150_000);
  });
});
