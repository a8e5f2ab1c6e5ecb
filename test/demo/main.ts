/**
 * The main job of Lockstep on the embedded local Azure: `npm run demo [-- --json] [-- --seed N]`.
 * Exit code 0 only if every promise held; with `--json` the last line is one JSON object.
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { readVmBodies } from '../world/arm-reader.ts';
import { until } from '../world/lockstep-api.ts';
import { findUnowned, ownedBy } from '../world/owned-things.ts';
import { startWorld, type World } from '../world/start-world.ts';
import { compareRestored } from './compare-restored.ts';
import { type Figures, judgeFigures } from './figures.ts';
import { loseRegion } from './lose-region.ts';
import { createNarrator, type Narrator } from './narrator.ts';
import { findLeftovers, searchForSecrets } from './search-leaks.ts';
import { takeFrozenPoint, takeUnfrozenPoints } from './take-points.ts';
import { VM_SCENARIO } from './vm-scenario.ts';
import { watchCopy } from './watch-copy.ts';

const UNFROZEN_SETS = 3;
const PAIRS_PER_SECOND = 400;
const BASELINE = 'before';

async function runDemo(world: World, narrator: Narrator, startedMs: number): Promise<Figures> {
  narrator.heading(`1. Four disks of ${VM_SCENARIO.name} under write load`);
  const vm = await world.azure.control.createVm(VM_SCENARIO);
  await world.guests.startWriters(vm.vmId, PAIRS_PER_SECOND);
  const before = await readVmBodies(world, vm.vmId);
  await world.azure.control.takeBaseline(BASELINE);
  const app = await world.startSourceApp();
  await until(
    'every slot is written once',
    async () => {
      const { slots, slotsWritten } = await world.guests.journal(vm.vmId);
      return slotsWritten === slots ? true : undefined;
    },
    60_000,
  );
  const unfrozen = await takeUnfrozenPoints(world, app, vm, narrator, UNFROZEN_SETS);
  const frozen = await takeFrozenPoint(world, app, vm, narrator);

  narrator.heading(`2. Copy to ${DEPLOYMENT.pairedRegion}`);
  const copy = await watchCopy(world, app, vm, frozen, narrator);
  const points = [...unfrozen.map(({ point }) => point), copy.point];
  const owned = ownedBy(points, [copy.manifest]);
  await until(
    'the app has cleaned up after itself',
    async () => ((await findUnowned(world, BASELINE, owned)).length === 0 ? true : undefined),
    15_000,
  ).catch(() => narrator.fact('something is still there after 15 s'));

  narrator.heading(`3. ${DEPLOYMENT.sourceRegion} is lost`);
  const lost = await loseRegion(world, app, copy.point.pointId, narrator);

  narrator.heading('4. The restored VM against the journal');
  const { session } = frozen.freeze;
  const compared = await compareRestored(
    world,
    vm,
    before,
    { restoredVmId: lost.restoredVmId, session },
    copy.manifest,
    narrator,
  );

  narrator.heading('5. Secrets and leftovers');
  await lost.restoreApp.stop();
  const secrets = await searchForSecrets(
    world,
    [lost.lostDirectory, lost.restoreApp.directory],
    narrator,
  );
  const leftovers = await findLeftovers(
    world,
    BASELINE,
    ownedBy(points, [copy.manifest], [await readVmBodies(world, lost.restoredVmId)]),
    {
      snapshotId: copy.point.disks[0]?.snapshot?.snapshotId ?? '',
      diskId: vm.disks[0]?.diskId ?? '',
    },
    narrator,
  );
  return {
    points: points.length,
    labels: points.map(({ label }) => label ?? ''),
    freezeMs: Math.round(frozen.freeze.heldMs ?? 0),
    slowestSnapshotMs: frozen.slowestSnapshotMs,
    pairsChecked: frozen.pairsChecked,
    tornPairsWithoutFreeze: unfrozen.map(({ torn }) => torn),
    tornPairs: frozen.torn,
    blockedWrites: frozen.freeze.blockedWrites,
    copiedBytes: copy.copiedBytes,
    allocatedBytes: copy.allocatedBytes,
    copyMiBPerSecond: Math.round(copy.mibPerSecond),
    digestsCompared: copy.digestsCompared,
    digestsDifferent: copy.digestsDifferent,
    ...compared,
    ...secrets,
    ...leftovers,
    seconds: Math.round((performance.now() - startedMs) / 100) / 10,
  };
}

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, seed: { type: 'string' } },
});
const seed = values.seed ?? randomBytes(4).toString('hex');
const narrator = createNarrator();
const startedMs = performance.now();
narrator.heading(`Lockstep on the embedded local Azure (seed ${seed})`);
const world = await startWorld({ seed });
let figures: Figures | undefined;
try {
  figures = await runDemo(world, narrator, startedMs);
} catch (error) {
  const text = error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${world.azure.errorOutput()}\n${text}\n`);
} finally {
  await world.stop();
}
if (figures === undefined) {
  process.exit(1);
}
const judged = judgeFigures(figures);
narrator.heading(`Held in ${figures.seconds} s:`);
for (const { promise, holds } of judged) narrator.fact(`${holds ? 'yes' : 'NO '}  ${promise}`);
if (!judged.every(({ holds }) => holds)) process.exitCode = 1;
if (values.json === true) process.stdout.write(`${JSON.stringify(figures)}\n`);
