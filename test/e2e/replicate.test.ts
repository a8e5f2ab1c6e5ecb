import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { until } from '../world/lockstep-api.ts';
import { brokenPromises, readPoints } from './promises.ts';
import { BASELINE, copyReaches, protect, type SmallWorld, startSmallWorld } from './small-world.ts';

let small: SmallWorld;
beforeAll(async () => {
  small = await startSmallWorld();
});
afterAll(async () => {
  await small?.world.stop();
});

const noPromiseIsBroken = async (): Promise<void> => {
  expect(
    await brokenPromises(small.world, small.app, {
      vms: [small.vm],
      baseline: BASELINE,
      cleanWithinMs: 60_000,
    }),
  ).toEqual([]);
};

const copyOf = async (pointId: string) =>
  (await readPoints(small.app))
    .find((point) => point.pointId === pointId)
    ?.copies.find(({ copy }) => copy === DEPLOYMENT.target);

it('keeps the point restorable here while the target is unreachable, and copies it later', async () => {
  await small.world.azure.control.turnRegionOff(DEPLOYMENT.pairedRegion);
  const run = await protect(small.app, small.vm.vmId, { targets: [DEPLOYMENT.target] });
  expect(run.state).toBe('succeeded');
  const pointId = run.pointId ?? '';
  const failure = await until(
    'a replicate run has failed',
    async () => (await copyOf(pointId))?.lastFailure,
    60_000,
  );
  expect(failure.message).toContain('ECONNRESET');
  expect((await copyOf(pointId))?.state).not.toBe('sealed');
  const plan = await small.app.call('POST', '/api/restores', {
    ...{ pointId, mode: 'newVm', source: 'primary', dryRun: true },
    overrides: { vmName: 'local-1' },
  });
  expect(plan.status).toBe(200);

  await small.world.azure.control.turnRegionOn(DEPLOYMENT.pairedRegion);
  await copyReaches(small.app, pointId, ['sealed'], 120_000);
  await noPromiseIsBroken();
});

it('copies with the streamed mover when the target refuses to read from the source', async () => {
  const run = await protect(small.app, small.vm.vmId, { targets: [DEPLOYMENT.target] });
  await small.world.azure.control.addFault(
    { service: 'blob', operation: 'Put Page From URL' },
    { status: 409, code: 'CopySourceCannotBeIncrementalCopyBlob', message: 'planted' },
  );

  await copyReaches(small.app, run.pointId ?? '', ['sealed']);
  await small.world.azure.control.clearFaults();

  const { requests } = await small.world.azure.control.countRequests({ operation: 'Put Page' });
  expect(requests).toBeGreaterThan(4);
  await noPromiseIsBroken();
});

it('finishes the copy when the host is killed in the middle of it', async () => {
  const run = await protect(small.app, small.vm.vmId, { targets: [DEPLOYMENT.target] });
  await small.world.azure.control.addFault(
    { service: 'blob', operation: 'Put Page From URL' },
    { latencyMs: 300 },
  );
  await until(
    'the copy has begun',
    async () => ((await copyOf(run.pointId ?? ''))?.state === 'copying' ? true : undefined),
    30_000,
    50,
  );

  small = { ...small, app: await small.app.restart() };
  await small.world.azure.control.clearFaults();

  await copyReaches(small.app, run.pointId ?? '', ['sealed'], 120_000);
  await noPromiseIsBroken();
});
