import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { delay } from '../world/lockstep-api.ts';
import { brokenPromises, readPoints } from './promises.ts';
import { addRandomFaults, runDespiteFaults } from './random-faults.ts';
import { BASELINE, copyReaches, protect, startSmallWorld } from './small-world.ts';

const P = Number(process.env['P'] ?? '0.0');
it('explore worker deaths', async () => {
  const { world, vm, app } = await startSmallWorld({ config: { seed: 'w' } });
  let stop = false;
  try {
    const t0 = Date.now();
    if (P > 0) await addRandomFaults(world, P);
    const runs = [];
    let kills = 0;
    const killer = (async () => {
      while (!stop) {
        await delay(1_500 + Math.random() * 5_000);
        if (!stop) {
          app.host.failWorker();
          kills += 1;
        }
      }
    })();
    for (let round = 0; round < 8; round += 1) {
      runs.push(
        await runDespiteFaults(
          app,
          '/api/points',
          { vmId: vm.vmId, targets: [DEPLOYMENT.target] },
          200_000,
        ).catch(String),
      );
      process.stdout.write(`R ${round} ${Date.now() - t0} ${JSON.stringify(runs.at(-1))}\n`);
    }
    const { body } = await app.call<{ points?: { pointId: string }[] }>('GET', '/api/points');
    const p = body.points?.[0]?.pointId;
    const ids: string[] = [];
    for (const n of [1, 2, 3])
      if (p) {
        const r = await runDespiteFaults(
          app,
          '/api/restores',
          { pointId: p, mode: 'newVm', source: 'auto', overrides: { vmName: 'x-' + n } },
          200_000,
        ).catch(String);
        process.stdout.write(`RESTORE ${Date.now() - t0} ${JSON.stringify(r)}\n`);
        if (typeof r !== 'string' && r.state === 'succeeded') ids.push(String(r.result?.['vmId']));
      }
    stop = true;
    await killer;
    await world.azure.control.clearFaults();
    process.stdout.write(`KILLS ${kills} ${Date.now() - t0}\n`);
    for (const point of await readPoints(app))
      if (point.state === 'recorded')
        await copyReaches(app, point.pointId, ['sealed', 'skipped'], 100_000).catch((e) =>
          process.stdout.write(`NOTSEALED ${e} ${JSON.stringify(point.copies)}\n`),
        );
    const last = await protect(app, vm.vmId);
    process.stdout.write(`LAST ${JSON.stringify(last)}\n`);
    const b = await brokenPromises(world, app, {
      vms: [vm],
      baseline: BASELINE,
      restoredVmIds: ids,
      cleanWithinMs: 200_000,
    });
    process.stdout.write(`BROKEN ${Date.now() - t0} ${JSON.stringify(b)}\n`);
    expect(b).toEqual([]);
  } finally {
    stop = true;
    writeFileSync(`/tmp/r3/ex-w.log`, readFileSync(app.logFile));
    await world.stop();
  }
}, 900_000);
