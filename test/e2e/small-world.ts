import type { PlacedScenario, VmScenario } from '../local-azure/control/scenario-types.ts';
import type { LocalAzureConfig } from '../local-azure/local-azure-config.ts';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { type RunView, until } from '../world/lockstep-api.ts';
import { type App, startWorld, type World } from '../world/start-world.ts';

/** Everything quick, and no limit on the number of points: tests of refusals make many. */
export const QUICK: LocalAzureConfig = {
  seed: 'end-to-end',
  snapshotLatencyMs: { min: 60, max: 300 },
  operationLatencyMs: { min: 5, max: 40 },
  vmLatencyMs: { min: 20, max: 80 },
  runCommandLatencyMs: { min: 10, max: 50 },
  agentTimeoutMs: 1_000,
  maxIncrementalSnapshotsPer5Min: 0,
};

const SMALL_FILES = { count: 4, totalMiB: 2 } as const;

export const fourDisks = (name: string): VmScenario => ({
  name,
  resourceGroup: DEPLOYMENT.sourceGroup,
  region: DEPLOYMENT.sourceRegion,
  tags: { app: 'shop' },
  slotsPerVm: 400,
  osDisk: { sizeMiB: 24, caching: 'ReadWrite', files: SMALL_FILES, areaMiB: 2 },
  dataDisks: [0, 1, 2].map((lun) => ({ lun, sizeMiB: 24, files: SMALL_FILES, areaMiB: 2 })),
});

export interface SmallWorld {
  readonly world: World;
  readonly app: App;
  readonly vm: PlacedScenario;
}

export const BASELINE = 'before';

/** One VM with busy writers, and the source app with short waits. */
export async function startSmallWorld(
  options: {
    readonly config?: LocalAzureConfig;
    readonly settings?: Readonly<Record<string, string>>;
  } = {},
): Promise<SmallWorld> {
  const world = await startWorld({ ...QUICK, ...options.config });
  try {
    const vm = await world.azure.control.createVm(fourDisks('db-1'));
    await world.guests.startWriters(vm.vmId, 200);
    await world.azure.control.takeBaseline(BASELINE);
    const app = await world.startSourceApp({
      LOCKSTEP_GUEST_TIMEOUT_S: '6',
      ...options.settings,
    });
    return { world, app, vm };
  } catch (error) {
    await world.stop();
    throw error;
  }
}

/** Starts a run that makes a point, and waits for its end. */
export async function protect(
  app: App,
  vmId: string,
  body: Readonly<Record<string, unknown>> = {},
): Promise<RunView> {
  const started = await app.call('POST', '/api/points', { vmId, targets: [], ...body });
  if (started.status !== 202) {
    throw new Error(`POST /api/points: ${started.status} ${JSON.stringify(started.body)}`);
  }
  return app.finishRun(started.headers.get('location') ?? '');
}

/** Waits until a copy of a point has one of the states. */
export async function copyReaches(
  app: App,
  pointId: string,
  states: readonly string[],
  timeoutMs = 60_000,
): Promise<{ readonly state: string; readonly reason?: string }> {
  return until(
    `copy of ${pointId} becomes ${states.join(' or ')}`,
    async () => {
      const { body } = await app.call<{
        copies: readonly { copy: string; state: string; reason?: string }[];
      }>('GET', `/api/points/${pointId}`);
      const copy = body.copies.find((one) => one.copy === DEPLOYMENT.target);
      return copy && states.includes(copy.state) ? copy : undefined;
    },
    timeoutMs,
  );
}
