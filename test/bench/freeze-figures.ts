import { DEPLOYMENT } from '../world/app-settings.ts';
import { type App, startWorld, type World } from '../world/start-world.ts';
import { createContext, createFigure, type Figure } from './figure.ts';

/** How long a guest is held, against the snapshots that it is held for. */

const DISK_COUNTS = [1, 4, 16, 32] as const;
/** Spread evenly, by the seed of the run. Users report snapshots of seconds to minutes. */
const SNAPSHOT_LATENCY_MS = { min: 200, max: 5000 } as const;
const SEQUENTIAL_DISKS = 16;
const ROUNDS = 2;
const RETRY_AFTER_DISKS = 4;
const RETRY_AFTER_MS = 2000;

interface MeasuredFreeze {
  readonly disks: number;
  readonly heldMs: number;
  readonly slowestMs: number;
  /** Of all snapshot requests of the set, one after another. */
  readonly sumMs: number;
  readonly label: string | undefined;
}

const VM_SIZES: Readonly<Record<number, string>> = {
  1: 'Standard_D4s_v5',
  4: 'Standard_D4s_v5',
  16: 'Standard_D8s_v5',
  32: 'Standard_D16s_v5',
};

/** A VM whose disks, the OS disk among them, all have a file system. */
async function createVm(world: World, disks: number): Promise<string> {
  const small = { sizeMiB: 16, areaMiB: 1, files: { count: 2, totalMiB: 0.1 } };
  const { vmId } = await world.azure.control.createVm({
    name: `bench-${disks}`,
    resourceGroup: DEPLOYMENT.sourceGroup,
    region: DEPLOYMENT.sourceRegion,
    size: VM_SIZES[disks] ?? 'Standard_D16s_v5',
    slotsPerVm: 100,
    osDisk: small,
    dataDisks: Array.from({ length: disks - 1 }, (_, lun) => ({ ...small, lun })),
  });
  return vmId;
}

async function freezeOnce(world: World, app: App, vmId: string): Promise<MeasuredFreeze> {
  const { control } = world.azure;
  const before = (await control.snapshots()).length;
  const started = await app.call('POST', '/api/points', {
    vmId,
    consistency: {
      provider: 'lockstep',
      label: 'fileSystem',
      accept: 'crash',
      freezeDeadlineMs: 30_000,
    },
    targets: [],
  });
  if (started.status !== 202) {
    throw new Error(`POST /api/points: ${started.status} ${JSON.stringify(started.body)}`);
  }
  const run = await app.finishRun(started.headers.get('location') ?? '');
  if (run.state !== 'succeeded') throw new Error(`the run failed: ${JSON.stringify(run)}`);
  const { body: point } = await app.call<{ label?: string }>('GET', `/api/points/${run.pointId}`);
  const freeze = (await world.guests.freezes({ vmId })).at(-1);
  if (freeze?.heldMs === undefined) throw new Error('the guest was not frozen, or never thawed');
  const snapshots = (await control.snapshots()).slice(before);
  const durations = snapshots.map(({ acceptedMs, endedMs }) => {
    if (endedMs === undefined) throw new Error('a snapshot of the set has not ended');
    return endedMs - acceptedMs;
  });
  return {
    disks: snapshots.length,
    heldMs: freeze.heldMs,
    slowestMs: Math.max(...durations),
    sumMs: durations.reduce((sum, duration) => sum + duration, 0),
    label: point.label,
  };
}

export async function measureFreezes(): Promise<Figure[]> {
  const world = await startWorld({
    seed: 'bench',
    snapshotLatencyMs: SNAPSHOT_LATENCY_MS,
    runCommandLatencyMs: { min: 50, max: 100 },
    maxIncrementalSnapshotsPer5Min: 0,
  });
  try {
    const vms: { disks: number; vmId: string }[] = [];
    for (const disks of DISK_COUNTS) vms.push({ disks, vmId: await createVm(world, disks) });
    for (const { vmId } of vms) await world.guests.startWriters(vmId, 10);
    // Nothing is copied here.
    const app = await world.startSourceApp({ LOCKSTEP_MOVE_SCHEDULE: '0 0 0 1 1 *' });
    const figures: Figure[] = [];
    // Without Retry-After, to see our own part; what it costs is a figure of its own.
    await world.azure.control.changeSettings({ sendRetryAfter: false });
    for (const { disks, vmId } of vms) {
      const measured: MeasuredFreeze[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        measured.push(await freezeOnce(world, app, vmId));
      }
      figures.push(...figuresOf(disks, measured));
    }
    await world.azure.control.changeSettings({ sendRetryAfter: true });
    const asked = vms.find(({ disks }) => disks === RETRY_AFTER_DISKS);
    if (asked !== undefined) figures.push(await retryAfterFigure(world, app, asked.vmId));
    await app.stop();
    return figures;
  } finally {
    await world.stop();
  }
}

/** ARM's answer to a snapshot's PUT asks for 2 s before the first question (recorded on Azure). */
async function retryAfterFigure(world: World, app: App, vmId: string): Promise<Figure> {
  const measured: MeasuredFreeze[] = [];
  for (let round = 0; round < ROUNDS; round += 1) measured.push(await freezeOnce(world, app, vmId));
  return createFigure(
    `heldOverSlowestPlusRetryAfter ${RETRY_AFTER_DISKS} disks`,
    Math.max(...measured.map(({ heldMs, slowestMs }) => heldMs / (slowestMs + RETRY_AFTER_MS))),
    '<= 1',
    `worst of ${ROUNDS}, with Retry-After: 2 on every snapshot request: ${roundsOf(measured)}`,
  );
}

const roundsOf = (measured: readonly MeasuredFreeze[]): string =>
  measured
    .map(
      ({ heldMs, slowestMs, label }) =>
        `held ${heldMs.toFixed(0)} ms, slowest ${slowestMs.toFixed(0)} ms (${label})`,
    )
    .join('; ');

function figuresOf(disks: number, measured: readonly MeasuredFreeze[]): Figure[] {
  const ratios = measured.map(({ heldMs, slowestMs }) => heldMs / slowestMs);
  const wrong = measured.filter((one) => one.disks !== disks || one.label !== 'fileSystem');
  return [
    createFigure(
      `heldOverSlowest ${disks} ${disks === 1 ? 'disk' : 'disks'}`,
      Math.max(...ratios),
      '<= 1.2',
      `worst of ${ROUNDS}, no Retry-After: ${roundsOf(measured)}`,
    ),
    ...(wrong.length === 0
      ? []
      : [createContext(`missed ${disks} disks`, wrong.length, 'sets without the wanted label')]),
    ...(disks === SEQUENTIAL_DISKS
      ? [
          createFigure(
            'sequentialOverOurs',
            Math.min(...measured.map(({ sumMs, heldMs }) => sumMs / heldMs)),
            '>= 5',
            `the same ${disks} snapshots one after another take the sum of the latencies that ARM had for them (not run: added up)`,
          ),
        ]
      : []),
  ];
}
