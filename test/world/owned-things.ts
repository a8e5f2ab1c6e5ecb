import type { InventoryItem } from '../local-azure/control/inventory.ts';
import { DEPLOYMENT } from './app-settings.ts';
import type { VmBodies } from './arm-reader.ts';
import type { PointView } from './point-view.ts';
import type { World } from './start-world.ts';
import type { StoredManifest } from './stored-manifest.ts';

/** Whether something in the inventory belongs to a recorded point, a sealed replica or a user. */
export type Owned = (item: InventoryItem) => boolean;

/**
 * What may be there: snapshots of recorded points, chains (leased without end, as docs/format.md
 * says) with the sealed snapshots, manifests, and what a restore made for the user.
 */
export function ownedBy(
  points: readonly PointView[],
  manifests: readonly StoredManifest[],
  restored: readonly VmBodies[] = [],
): Owned {
  const replica = `${DEPLOYMENT.replicaAccount}/${DEPLOYMENT.replicaContainer}/`;
  const keys = new Set<string>();
  const resource = (id: unknown): void => {
    keys.add(`resource ${String(id).toLowerCase()}`);
  };
  for (const point of points.filter(({ state }) => state === 'recorded')) {
    for (const { snapshot } of point.disks) resource(snapshot?.snapshotId);
    for (const { manifestPath } of point.copies) {
      if (manifestPath !== undefined) keys.add(`blob ${replica}${manifestPath}`);
    }
  }
  for (const { blobPath, blobSnapshot } of manifests.flatMap(({ disks }) => disks)) {
    keys.add(`blob ${replica}${blobPath}`);
    keys.add(`lease ${replica}${blobPath}`);
    keys.add(`blob-snapshot ${replica}${blobPath}?snapshot=${blobSnapshot}`);
  }
  for (const { vm, disks, nics } of restored) {
    for (const body of [vm, ...disks, ...nics]) resource(body['id']);
  }
  return ({ key }) => keys.has(key);
}

/** What is there now, was not there at the baseline, and belongs to nobody. */
export async function findUnowned(
  world: World,
  baseline: string,
  owned: Owned,
): Promise<readonly InventoryItem[]> {
  const { added } = await world.azure.control.differenceSince(baseline);
  return added.filter((item) => !owned(item));
}
