import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultAction, FaultMatch } from '../local-azure/front/faults.ts';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { LOST, withFault } from './planted-fault.ts';
import { brokenPromises, readPoints } from './promises.ts';
import { BASELINE, copyReaches, protect, type SmallWorld, startSmallWorld } from './small-world.ts';

/** Faults while a point is copied, and while a VM is restored: one fault each, above all an answer that is lost, which could be taken for work not done. */

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

const protectAndCopy = async (): Promise<void> => {
  const run = await protect(small.app, small.vm.vmId, { targets: [DEPLOYMENT.target] });
  expect(run).toMatchObject({ state: 'succeeded' });
  await copyReaches(small.app, run.pointId ?? '', ['sealed'], 90_000);
};

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
    await withFault(small.world, match, action, protectAndCopy);
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
        pathPattern: '/(virtualMachines|networkInterfaces|disks)/lost-',
        method: 'PATCH',
        count: 2,
      },
      LOST,
    ],
  ])('makes the VM once although the answer of its %s is lost', async (what, match, action) => {
    const [point] = (await readPoints(small.app)).filter((one) => one.state === 'recorded');
    const vmName = `lost-${what.replace(' ', '-').toLowerCase()}`;
    const run = await withFault(small.world, match, action, async () => {
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
