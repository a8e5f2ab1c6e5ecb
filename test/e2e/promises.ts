/**
 * The checker of the promises, from outside: it looks at ARM, storage, guests and journals through the
 * local Azure, and at the product only through its HTTP interface. Every end-to-end test ends with it.
 */
import type { PlacedScenario } from '../local-azure/control/scenario-types.ts';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { readVmBodies } from '../world/arm-reader.ts';
import { until } from '../world/lockstep-api.ts';
import { findUnowned, ownedBy } from '../world/owned-things.ts';
import type { PointView } from '../world/point-view.ts';
import type { App, World } from '../world/start-world.ts';
import { readStoredManifest, type StoredManifest } from '../world/stored-manifest.ts';

export interface CheckOptions {
  readonly vms: readonly PlacedScenario[];
  readonly baseline: string;
  readonly restoredVmIds?: readonly string[];
  /** A guest that was frozen when the check began may need its whole deadline. */
  readonly thawWithinMs?: number;
  /**
   * The app may need this long to delete what its failed runs made: two minutes where a guest may
   * still hold something. `later` leaves the leftovers to another check.
   */
  readonly cleanWithinMs?: number | 'later';
}

/** One sentence per broken promise; an empty list is what tests expect. */
export async function brokenPromises(
  world: World,
  app: App,
  options: CheckOptions,
): Promise<readonly string[]> {
  const points = await readPoints(app);
  const manifests: StoredManifest[] = [];
  const broken = [
    ...(await frozenGuests(world, options.thawWithinMs ?? 12_000)),
    ...(await halfPoints(world, points)),
    ...(await unearnedLabels(world, options.vms, points)),
    ...(await unequalCopies(world, points, manifests)),
  ];
  const restored = await Promise.all(
    (options.restoredVmIds ?? []).map((id) => readVmBodies(world, id)),
  );
  const cleanWithinMs = options.cleanWithinMs ?? 20_000;
  if (cleanWithinMs === 'later') return broken;
  const left = await leftovers(world, app, { ...options, cleanWithinMs }, manifests, restored);
  return [...broken, ...left];
}

export async function readPoints(app: App): Promise<readonly PointView[]> {
  const list = await app.call<{ points: readonly { pointId: string }[] }>(
    'GET',
    '/api/points?limit=200',
  );
  if (list.status !== 200) throw new Error(`GET /api/points: ${JSON.stringify(list.body)}`);
  return Promise.all(
    list.body.points.map(
      async ({ pointId }) => (await app.call<PointView>('GET', `/api/points/${pointId}`)).body,
    ),
  );
}

async function frozenGuests(world: World, withinMs: number): Promise<string[]> {
  try {
    await until(
      'guests thaw',
      async () => ((await world.guests.frozen()).length === 0 ? true : undefined),
      withinMs,
    );
    return [];
  } catch {
    return (await world.guests.frozen()).map(({ vmId }) => `1: the guest of ${vmId} stays frozen`);
  }
}

async function halfPoints(world: World, points: readonly PointView[]): Promise<string[]> {
  const inventory = await world.azure.control.inventory();
  const state = new Map(inventory.map((item) => [item.key, item.provisioningState ?? 'there']));
  return points.flatMap((point) => {
    const primary = point.copies.find(({ copy }) => copy === 'primary');
    if (point.state !== 'recorded') {
      const visible = point.copies.filter((copy) => copy.state === 'sealed');
      return visible.map(({ copy }) => `3: ${point.pointId} is ${point.state}, its ${copy} sealed`);
    }
    if (primary?.state !== 'sealed') return [];
    return point.disks.flatMap(({ lun, snapshot }) => {
      const found = state.get(`resource ${snapshot?.snapshotId.toLowerCase()}`);
      return found === 'Succeeded' ? [] : [`3: ${point.pointId}, LUN ${lun}: snapshot ${found}`];
    });
  });
}

/** A frozen set must fit one instant of the journal. */
async function unearnedLabels(
  world: World,
  vms: readonly PlacedScenario[],
  points: readonly PointView[],
): Promise<string[]> {
  const broken: string[] = [];
  for (const point of points) {
    if (point.state !== 'recorded' || !['fileSystem', 'application'].includes(point.label ?? '')) {
      continue;
    }
    const vm = vms.find(({ vmId }) => vmId.endsWith(`/${point.vmName}`));
    if (vm === undefined) throw new Error(`no scenario for ${point.vmName}`);
    const pairs = await world.evidence.tornPairs(
      vm.vmId,
      point.disks.map(({ lun, snapshot }) => ({
        lun,
        source: { snapshotId: snapshot?.snapshotId ?? '' },
      })),
    );
    if (pairs.torn > 0 || pairs.cutViolations > 0) {
      broken.push(`2: ${point.pointId} says ${point.label}, ${pairs.torn} pairs are torn`);
    }
  }
  return broken;
}

async function unequalCopies(
  world: World,
  points: readonly PointView[],
  manifests: StoredManifest[],
): Promise<string[]> {
  const broken: string[] = [];
  for (const point of points) {
    for (const { copy, state, manifestPath } of point.copies) {
      if (manifestPath === undefined || (state !== 'sealed' && state !== 'damaged')) continue;
      const manifest = await readStoredManifest(world, manifestPath);
      manifests.push(manifest);
      if (state !== 'sealed') continue;
      for (const disk of manifest.disks) {
        const replica = await world.evidence.imageDigest({
          account: DEPLOYMENT.replicaAccount,
          container: DEPLOYMENT.replicaContainer,
          blob: disk.blobPath,
          snapshot: disk.blobSnapshot,
        });
        const snapshotId = point.disks.find(({ diskKey }) => diskKey === disk.diskKey)?.snapshot;
        const source = await world.evidence.imageDigest({
          snapshotId: snapshotId?.snapshotId ?? '',
        });
        if (replica.segments.join() !== source.segments.join()) {
          broken.push(`4: ${copy} of ${point.pointId}, LUN ${disk.lun} differs from its source`);
        }
        if (replica.segments.join() !== disk.digest.segments.join()) {
          broken.push(`4: ${copy} of ${point.pointId}, LUN ${disk.lun} has a wrong digest`);
        }
      }
    }
  }
  return broken;
}

async function leftovers(
  world: World,
  app: App,
  options: CheckOptions & { readonly cleanWithinMs: number },
  manifests: readonly StoredManifest[],
  restored: Parameters<typeof ownedBy>[2],
): Promise<string[]> {
  const find = async () =>
    findUnowned(world, options.baseline, ownedBy(await readPoints(app), manifests, restored));
  try {
    await until(
      'the app cleans up',
      async () => ((await find()).length === 0 ? true : undefined),
      options.cleanWithinMs,
      500,
    );
    return [];
  } catch {
    return (await find()).map(({ kind, name }) => `7: left behind: ${kind} ${name}`);
  }
}
