import { DEPLOYMENT } from '../world/app-settings.ts';
import { type RunView, until } from '../world/lockstep-api.ts';
import type { App, World } from '../world/start-world.ts';
import type { Narrator } from './narrator.ts';

/** Act 3: the first region goes dark with everything in it, and the VM is rebuilt from the replica. */

export interface LostRegion {
  readonly restoreApp: App;
  /** Where the first app's state and log lie, for the search for secrets. */
  readonly lostDirectory: string;
  readonly restoredVmId: string;
}

interface PlanView {
  readonly plan: {
    readonly steps: readonly { readonly what: string; readonly reason: string }[];
    readonly warnings: readonly { readonly code: string; readonly message: string }[];
  };
}

/** Of a restore, in their order, as its run names them. */
const PHASES: readonly string[] = [
  'planning',
  'verifying',
  'restoringDisks',
  'creatingNics',
  'creatingVm',
  'finishing',
];

const RESTORED_NAME = 'db-1-restored';

export async function loseRegion(
  world: World,
  app: App,
  pointId: string,
  narrator: Narrator,
): Promise<LostRegion> {
  await world.azure.control.turnRegionOff(DEPLOYMENT.sourceRegion);
  const lostDirectory = await world.loseApp(app);
  narrator.fact(
    `${DEPLOYMENT.sourceRegion} is off: ARM, disks, snapshots, accounts; the app, its state and its catalog are gone`,
  );
  const restoreApp = await narrator.during('the restore app starts on empty storage', () =>
    world.startRestoreApp(),
  );
  const listed = await until(
    'the restore app lists the point',
    async () => {
      const { status, body } = await restoreApp.call<{
        points: readonly { pointId: string; label: string }[];
      }>('GET', '/api/points');
      const found = status === 200 ? body.points.find((one) => one.pointId === pointId) : undefined;
      return found;
    },
    30_000,
  );
  narrator.fact(`it lists ${listed.pointId} (${listed.label}) from the manifests alone`);

  const request = {
    pointId,
    mode: 'newVm',
    source: 'replica',
    overrides: { vmName: RESTORED_NAME },
  };
  const planned = await restoreApp.call<PlanView>('POST', '/api/restores', {
    ...request,
    dryRun: true,
  });
  if (planned.status !== 200) {
    throw new Error(`no plan: ${planned.status} ${JSON.stringify(planned.body)}`);
  }
  for (const step of planned.body.plan.steps) narrator.fact(`plan: ${step.what}`);
  for (const warning of planned.body.plan.warnings) narrator.fact(`plan warns: ${warning.message}`);

  const started = await restoreApp.call('POST', '/api/restores', request);
  if (started.status !== 202) {
    throw new Error(`POST /api/restores: ${started.status} ${JSON.stringify(started.body)}`);
  }
  const run = await narrator.during<RunView>('restore', (report) =>
    restoreApp.finishRun(started.headers.get('location') ?? '', {
      onProgress: ({ progress }) => {
        const phase = String((progress as { phase?: unknown } | undefined)?.phase ?? '');
        report((PHASES.indexOf(phase) + 1) / (PHASES.length + 1), phase);
      },
    }),
  );
  if (run.state !== 'succeeded') throw new Error(`the restore failed: ${JSON.stringify(run)}`);
  const restoredVmId = `/subscriptions/${world.azure.info.subscriptionId}/resourceGroups/${DEPLOYMENT.restoreGroup}/providers/Microsoft.Compute/virtualMachines/${RESTORED_NAME}`;
  return { restoreApp, lostDirectory, restoredVmId };
}
