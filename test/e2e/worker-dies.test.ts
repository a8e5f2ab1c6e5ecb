import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { delay, type RunView, until } from '../world/lockstep-api.ts';
import { brokenPromises } from './promises.ts';
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

/**
 * Starts a run, lets the worker die in it, and waits for the run's end. A host recycles itself after
 * the third death, so another one takes over afterwards.
 */
async function runWhileWorkerDies(path: string, body: unknown, afterMs: number): Promise<RunView> {
  const started = await small.app.call('POST', path, body);
  expect(started).toMatchObject({ status: 202 });
  await delay(afterMs);
  small.app.host.failWorker();
  const location = started.headers.get('location') ?? '';
  const run = await until(
    'the run ends',
    async () => {
      const answer = await small.app.call<RunView>('GET', location);
      // The host itself says 500, without a body, when the worker dies under a request.
      if (answer.status === 500 && answer.body === undefined) return undefined;
      expect(answer.status).toBe(200);
      return answer.body.state === 'running' ? undefined : answer.body;
    },
    150_000,
  );
  small = { ...small, app: await small.app.restart() };
  return run;
}

const expectClearEnd = (run: RunView): void => {
  if (run.state !== 'succeeded') expect(run.failure?.errorCode).toMatch(/^[A-Z]\w+$/);
};

it.each([100, 700, 1_500])('ends a protect run whose worker dies after %i ms', async (afterMs) => {
  const body = { vmId: small.vm.vmId, targets: [DEPLOYMENT.target] };
  const run = await runWhileWorkerDies('/api/points', body, afterMs);

  expectClearEnd(run);
  if (run.state === 'succeeded') pointIds.push(run.pointId ?? '');
});

it('ends a restore whose worker dies', async () => {
  const { pointId } = await protect(small.app, small.vm.vmId);
  const body = {
    pointId,
    mode: 'newVm',
    source: 'primary',
    overrides: { vmName: 'survivor-1' },
  };
  const run = await runWhileWorkerDies('/api/restores', body, 300);

  expectClearEnd(run);
  if (run.state === 'succeeded') restoredVmIds.push(String(run.result?.['vmId']));
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
