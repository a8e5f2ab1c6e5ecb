import type { PlacedScenario } from '../local-azure/control/scenario-types.ts';
import type { PageBlobReport } from '../local-azure/storage/storage-routes.ts';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { until } from '../world/lockstep-api.ts';
import type { PointView } from '../world/point-view.ts';
import type { App, World } from '../world/start-world.ts';
import { readStoredManifest, type StoredManifest } from '../world/stored-manifest.ts';
import { mebibytes, type Narrator } from './narrator.ts';

/** Act 2: the copy to the second region, started by the app's timer. */

export interface WatchedCopy {
  readonly point: PointView;
  readonly manifest: StoredManifest;
  readonly copiedBytes: number;
  readonly allocatedBytes: number;
  readonly mibPerSecond: number;
  readonly digestsCompared: number;
  readonly digestsDifferent: number;
}

const COPY_TIMEOUT_MS = 120_000;

const chainsOf = async (world: World): Promise<PageBlobReport[]> =>
  (await world.azure.control.call<PageBlobReport[]>('GET', '/storage/page-blobs')).filter(
    ({ account, container }) =>
      account === DEPLOYMENT.replicaAccount && container === DEPLOYMENT.replicaContainer,
  );

const writtenTo = (blobs: readonly PageBlobReport[]): number =>
  blobs.reduce((sum, blob) => sum + blob.putPageBytes + blob.putPageFromUrlBytes, 0);

export async function watchCopy(
  world: World,
  app: App,
  vm: PlacedScenario,
  taken: { readonly point: PointView; readonly freeze: { readonly session: string } },
  narrator: Narrator,
): Promise<WatchedCopy> {
  const { pointId } = taken.point;
  const snapshots = taken.point.disks.map(({ snapshot }) => snapshot?.snapshotId ?? '');
  const allocated = await Promise.all(
    snapshots.map((snapshotId) => world.evidence.allocatedBytes({ snapshotId })),
  );
  const allocatedBytes = allocated.reduce((sum, disk) => sum + disk.allocatedBytes, 0);
  const point = await narrator.during('copy of four disks', (report) =>
    until(
      `copy ${DEPLOYMENT.target} of ${pointId}`,
      async () => {
        report(writtenTo(await chainsOf(world)) / allocatedBytes);
        const { body } = await app.call<PointView>('GET', `/api/points/${pointId}`);
        const copy = body.copies.find((one) => one.copy === DEPLOYMENT.target);
        return copy?.state === 'sealed' ? body : undefined;
      },
      COPY_TIMEOUT_MS,
    ),
  );
  const copiedBytes = writtenTo(await chainsOf(world));
  const mibPerSecond = await copyRate(world, copiedBytes);
  const path = point.copies.find(({ copy }) => copy === DEPLOYMENT.target)?.manifestPath ?? '';
  const manifest = await readStoredManifest(world, path);
  let digestsDifferent = 0;
  for (const disk of manifest.disks) {
    const oracle = await world.evidence.oracleDigest(vm.vmId, disk.lun, {
      session: taken.freeze.session,
    });
    if (oracle.segments.join() !== disk.digest.segments.join()) digestsDifferent += 1;
  }
  narrator.fact(
    `${mebibytes(copiedBytes)} of ${mebibytes(allocatedBytes)} allocated, ${mibPerSecond.toFixed(0)} MiB/s; ${manifest.disks.length - digestsDifferent} of ${manifest.disks.length} digests are those of the journal`,
  );
  return {
    ...{ point, manifest, copiedBytes, allocatedBytes, mibPerSecond, digestsDifferent },
    digestsCompared: manifest.disks.length,
  };
}

/** From the first page write to the last one, as the storage account saw them. */
async function copyRate(world: World, copiedBytes: number): Promise<number> {
  const writes = (
    await world.azure.control.requests({ service: 'blob', operation: 'Put Page From URL' })
  ).concat(await world.azure.control.requests({ service: 'blob', operation: 'Put Page' }));
  const startMs = Math.min(...writes.map((entry) => entry.startMs));
  const endMs = Math.max(...writes.map((entry) => entry.endMs));
  return copiedBytes / 1024 ** 2 / ((endMs - startMs) / 1000);
}
