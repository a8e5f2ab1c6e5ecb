import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../world/lockstep-api.ts';
import { brokenPromises, readPoints } from './promises.ts';
import { BASELINE, type SmallWorld, startSmallWorld } from './small-world.ts';

let small: SmallWorld;
beforeAll(async () => {
  small = await startSmallWorld();
});
afterAll(async () => {
  await small?.world.stop();
});

const snapshotsInArm = async (): Promise<readonly string[]> =>
  (await small.world.azure.control.inventory())
    .filter(({ kind, name }) => kind === 'resource' && name.includes('Compute/snapshots '))
    .map(({ name }) => name.split(' ')[1] ?? '');

const attemptOf = (name: string): string => name.slice(-6);

describe('a host that dies between two snapshot requests of one frozen set', () => {
  it('never mixes attempts', async () => {
    // The third request hangs, so that the set stays half asked for until the host is dead.
    await small.world.azure.control.addFault(
      { service: 'arm', method: 'PUT', pathPattern: '/snapshots/', nth: 3, count: 1 },
      { latencyMs: 60_000 },
    );
    const started = await small.app.call('POST', '/api/points', {
      vmId: small.vm.vmId,
      targets: [],
      consistency: { provider: 'lockstep', label: 'fileSystem', freezeDeadlineMs: 5_000 },
    });
    const first = await until(
      'some snapshots of the first attempt are there',
      async () => {
        const names = await snapshotsInArm();
        return names.length >= 2 ? names : undefined;
      },
      30_000,
      20,
    );
    const abandoned = new Set(first.map(attemptOf));
    expect(abandoned.size).toBe(1);

    small = { ...small, app: await small.app.restart() };
    await small.world.azure.control.clearFaults();
    const run = await small.app.finishRun(started.headers.get('location') ?? '');

    expect(run.state).toBe('succeeded');
    const point = (await readPoints(small.app)).find(({ pointId }) => pointId === run.pointId);
    const attempts = new Set(
      point?.disks.map(({ snapshot }) => attemptOf(snapshot?.snapshotId ?? '')),
    );
    expect(attempts.size).toBe(1);
    expect([...attempts].some((attempt) => abandoned.has(attempt))).toBe(false);
    expect(point?.label).toBe('fileSystem');
    expect(
      await brokenPromises(small.world, small.app, {
        vms: [small.vm],
        baseline: BASELINE,
        cleanWithinMs: 180_000,
      }),
    ).toEqual([]);
    expect((await snapshotsInArm()).filter((name) => abandoned.has(attemptOf(name)))).toEqual([]);
  });
});
