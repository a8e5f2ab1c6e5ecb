import type { RestorePoint } from '../../../lib/catalog/restore-point.ts';
import { prepareRestore } from '../../../lib/restore/prepare-restore.ts';
import type { RestorePlan, RestoreRefusal } from '../../../lib/restore/restore-plan.ts';
import type { RestoreRequest } from '../../../lib/restore/restore-request.ts';
import {
  createRestoreWorld,
  listPoint,
  type RestoreWorld,
  RUN_ID,
} from '../../fakes/restore-world.ts';
import { sampleConfiguration, samplePoint } from '../../fakes/sample-point.ts';

export const GROUP =
  '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-restored';
export const idOf = (type: string, name: string) => `${GROUP}/providers/${type}/${name}`;
export const diskId = (name: string) => idOf('Microsoft.Compute/disks', name);

export const prepare = (world: RestoreWorld, request: RestoreRequest) =>
  prepareRestore(world.ports, { request, runId: RUN_ID, dryRun: true });

export const planned = async (
  world: RestoreWorld,
  request: RestoreRequest,
): Promise<RestorePlan> => {
  const plan = await prepare(world, request);
  if (!plan.ok) throw new Error(`refused: ${plan.errorCode} ${plan.message}`);
  return plan.value;
};
export const refusals = async (world: RestoreWorld, request: RestoreRequest) => {
  const plan = await prepare(world, request);
  if (plan.ok) throw new Error('was not refused');
  return (plan as RestoreRefusal).refusals.map((one) => one.errorCode);
};
export const warnings = (plan: RestorePlan) => [...new Set(plan.warnings.map((one) => one.code))];

/** The paired app, which knows a sealed replica of `point` and nothing else. */
export const replicaWorld = async (point: RestorePoint = samplePoint()): Promise<RestoreWorld> => {
  const world = createRestoreWorld();
  await world.seal(point);
  await listPoint(world, point, ['paired']);
  return world;
};
/** The first region's app with sealed snapshots. */
export const primaryWorld = async (point: RestorePoint = samplePoint()): Promise<RestoreWorld> => {
  const world = createRestoreWorld({ homeRegion: 'westeurope' });
  await listPoint(world, point, ['primary']);
  for (const disk of point.disks) {
    world.arm.place(disk.snapshot?.snapshotId ?? '', point.region);
  }
  return world;
};
export const pointWith = (change: Partial<ReturnType<typeof sampleConfiguration>>) =>
  samplePoint({ configuration: sampleConfiguration(change) });
