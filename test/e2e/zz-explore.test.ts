import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { brokenPromises, readPoints } from './promises.ts';
import { addRandomFaults, runDespiteFaults } from './random-faults.ts';
import { BASELINE, copyReaches, protect, startSmallWorld } from './small-world.ts';
const P = Number(process.env['P'] ?? '0.12');
const seeds = (process.env['SEEDS'] ?? 'a,b').split(',');
it.concurrent.each(seeds)('explore %s', async (seed) => {
  const { world, vm, ...rest } = await startSmallWorld({ config: { seed } });
  let app = rest.app;
  try {
    await addRandomFaults(world, P);
    const runs = [];
    const t0 = Date.now();
    for (let round = 0; round < 4; round += 1) {
      runs.push(await runDespiteFaults(app, '/api/points', { vmId: vm.vmId, targets: [DEPLOYMENT.target] }, 280_000).catch(String));
      if (process.env['KILL']) app = await app.restart();
    }
    const { body } = await app.call<{points?: {pointId: string}[]}>('GET', '/api/points');
    const p = body.points?.[0]?.pointId;
    const ids: string[] = [];
    for (const source of ['primary', 'auto'])
    if (p) {
      const r = await runDespiteFaults(app, '/api/restores', { pointId: p, mode: 'newVm', source, overrides: { vmName: 'x-' + source } }, 200_000).catch(String);
      runs.push(r);
      if (typeof r !== 'string' && r.state === 'succeeded') ids.push(String(r.result?.['vmId']));
    }
    await world.azure.control.clearFaults();
    process.stdout.write(`RUNS ${seed} ${Date.now() - t0} ${runs.map((r) => typeof r === 'string' ? r : `${r.kind} ${r.state} ${r.failure ? r.failure.errorCode + ': ' + r.failure.message : ''}`).join('\n   ')}\n`);
    for (const point of await readPoints(app)) if (point.state === 'recorded') await copyReaches(app, point.pointId, ['sealed', 'skipped'], 200_000).catch((e) => process.stdout.write(`${seed} NOTSEALED ${e} ${JSON.stringify(point.copies)}\n`));
    const last = await protect(app, vm.vmId);
    process.stdout.write(`LAST ${seed} ${JSON.stringify(last)}\n`);
    const b = await brokenPromises(world, app, { vms: [vm], baseline: BASELINE, restoredVmIds: ids, cleanWithinMs: 200_000 });
    process.stdout.write(`BROKEN ${seed} ${Date.now() - t0} ${JSON.stringify(b)}\n`);
    expect(b).toEqual([]);
  } finally {
    writeFileSync(`/tmp/r3/ex-${seed}.log`, readFileSync(app.logFile));
    await world.stop();
  }
}, 900_000);
