import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { type RunView, until } from '../world/lockstep-api.ts';
import { brokenPromises, readPoints } from './promises.ts';
import { addRandomFaults, runDespiteFaults } from './random-faults.ts';
import { BASELINE, copyReaches, protect, startSmallWorld } from './small-world.ts';

const PROBABILITY = 0.04;

/** What a run that did not succeed must say. */
const expectClearEnd = (run: RunView): void => {
  if (run.state === 'succeeded') return;
  expect(run.state).toBe('failed');
  expect(run.failure?.errorCode).toMatch(/^[A-Z]\w+$/);
  expect(run.failure?.message.length).toBeGreaterThan(10);
};

// At the same time: most of it is waiting.
it.concurrent.each(['first', 'second'])(
  'ends every run, keeps every promise and works again after random faults, seed %s',
  async (seed) => {
    process.stdout.write(`random faults: seed ${seed}\n`);
    const { world, app, vm } = await startSmallWorld({ config: { seed } });
    try {
      const runs: RunView[] = [];
      const restoredVmIds: string[] = [];
      await addRandomFaults(world, PROBABILITY);
      for (let round = 0; round < 3; round += 1) {
        const body = { vmId: vm.vmId, targets: [DEPLOYMENT.target] };
        runs.push(await runDespiteFaults(app, '/api/points', body));
      }
      const pointIds = runs.flatMap((run) =>
        run.state === 'succeeded' ? [run.pointId ?? ''] : [],
      );
      // A fault may put a copy off for longer than anybody wants to wait here.
      const [first] = pointIds;
      const copied =
        first === undefined
          ? undefined
          : await until(
              'the first copy is sealed',
              async () => {
                const { body } = await app.call<{
                  copies?: readonly { copy: string; state: string }[];
                }>('GET', `/api/points/${first}`);
                const copy = body.copies?.find((one) => one.copy === DEPLOYMENT.target);
                return copy?.state === 'sealed' ? copy : undefined;
              },
              30_000,
            ).catch(() => undefined);
      if (first !== undefined) {
        const run = await runDespiteFaults(app, '/api/restores', {
          pointId: first,
          mode: 'newVm',
          source: copied === undefined ? 'primary' : 'replica',
          overrides: { vmName: 'despite-1', ...(await placeOf(copied !== undefined)) },
        });
        runs.push(run);
        if (run.state === 'succeeded') restoredVmIds.push(String(run.result?.['vmId']));
      }
      const faults = await world.azure.control.faults();
      const hits = faults.reduce((sum, fault) => sum + fault.hits, 0);
      await world.azure.control.clearFaults();

      expect(hits).toBeGreaterThan(20);
      for (const run of runs) expectClearEnd(run);
      process.stdout.write(
        `${hits} faults; ${runs.map((run) => `${run.kind} ${run.failure?.errorCode ?? run.state}`).join(', ')}; copied: ${copied?.state}\n`,
      );
      for (const pointId of pointIds) await copyReaches(app, pointId, ['sealed'], 90_000);
      const last = await protect(app, vm.vmId);
      expect(last).toMatchObject({ state: 'succeeded' });
      const point = (await readPoints(app)).find((one) => one.pointId === last.pointId);
      expect(point?.label).toBe('fileSystem');
      expect(
        await brokenPromises(world, app, {
          vms: [vm],
          baseline: BASELINE,
          restoredVmIds,
          cleanWithinMs: 150_000,
        }),
      ).toEqual([]);
      const log = readFileSync(app.logFile, 'utf8');
      expect(log.split('\n').filter((line) => line.includes('RequestFailed'))).toEqual([]);

      async function placeOf(inPairedRegion: boolean): Promise<Record<string, string>> {
        if (!inPairedRegion) return {};
        const { restoreGroup, pairedRegion } = DEPLOYMENT;
        const { subnetId } = await world.azure.control.createNetwork({
          name: restoreGroup,
          resourceGroup: restoreGroup,
          region: pairedRegion,
        });
        return { resourceGroup: restoreGroup, subnetId };
      }
    } finally {
      await world.stop();
    }
  },
);
