import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { delay } from '../world/lockstep-api.ts';
import { brokenPromises } from './promises.ts';
import { runDespiteFaults } from './random-faults.ts';
import { BASELINE, copyReaches, protect, type SmallWorld, startSmallWorld } from './small-world.ts';

/**
 * The language worker dies and the host lives: activities in flight fail at once, and an instance that
 * is in a turn may end as Failed without a word from its code.
 */

let small: SmallWorld;
const restoredVmIds: string[] = [];
const pointIds: string[] = [];
beforeAll(async () => {
  small = await startSmallWorld();
});
afterAll(async () => {
  await small?.world.stop();
});

/** Two deaths; a host recycles itself after the third, so another one takes over afterwards. */
async function whileWorkersDie<T>(afterMs: readonly number[], work: () => Promise<T>): Promise<T> {
  const working = work();
  for (const ms of afterMs) {
    await delay(ms);
    small.app.host.failWorker();
  }
  const result = await working;
  small = { ...small, app: await small.app.restart() };
  return result;
}

it.each([[[300, 1_500]], [[900, 2_500]], [[1_800, 300]]])(
  'ends a protect run whose worker dies after %j ms',
  async (afterMs) => {
    const body = { vmId: small.vm.vmId, targets: [DEPLOYMENT.target] };
    const run = await whileWorkersDie(afterMs, () =>
      runDespiteFaults(small.app, '/api/points', body),
    );

    if (run.state === 'succeeded') pointIds.push(run.pointId ?? '');
    else expect(run.failure?.errorCode).toMatch(/^[A-Z]\w+$/);
  },
);

it('ends a restore whose worker dies', async () => {
  const run = await protect(small.app, small.vm.vmId);
  const restored = await whileWorkersDie([300, 900], () =>
    runDespiteFaults(small.app, '/api/restores', {
      pointId: run.pointId,
      mode: 'newVm',
      source: 'primary',
      overrides: { vmName: 'survivor-1' },
    }),
  );

  if (restored.state === 'succeeded') restoredVmIds.push(String(restored.result?.['vmId']));
  else expect(restored.failure?.errorCode).toMatch(/^[A-Z]\w+$/);
});

it('copies what was made, keeps every promise and works again', async () => {
  for (const pointId of pointIds) await copyReaches(small.app, pointId, ['sealed'], 120_000);
  expect(await protect(small.app, small.vm.vmId)).toMatchObject({ state: 'succeeded' });
  expect(
    await brokenPromises(small.world, small.app, {
      vms: [small.vm],
      baseline: BASELINE,
      restoredVmIds,
      cleanWithinMs: 150_000,
    }),
  ).toEqual([]);
});
