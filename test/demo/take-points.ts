import type { PlacedScenario } from '../local-azure/control/scenario-types.ts';
import type { FreezeRecord } from '../local-azure/guest/freeze-history.ts';
import type { PointView } from '../world/point-view.ts';
import type { App, World } from '../world/start-world.ts';
import type { Narrator } from './narrator.ts';

/** Acts 1: sets taken without and with a freeze, under the same writers. */

export interface TakenPoint {
  readonly point: PointView;
  readonly pairsChecked: number;
  readonly torn: number;
}

/** Makes one point through the API, and looks at the pairs in its snapshots. */
export async function takePoint(
  world: World,
  app: App,
  vm: PlacedScenario,
  body: Readonly<Record<string, unknown>>,
): Promise<TakenPoint> {
  const started = await app.call<{ runId: string }>('POST', '/api/points', {
    vmId: vm.vmId,
    ...body,
  });
  if (started.status !== 202) {
    throw new Error(`POST /api/points: ${started.status} ${JSON.stringify(started.body)}`);
  }
  const run = await app.finishRun(started.headers.get('location') ?? '');
  if (run.state !== 'succeeded' || run.pointId === undefined) {
    throw new Error(`the run failed: ${JSON.stringify(run)}`);
  }
  const { body: point } = await app.call<PointView>('GET', `/api/points/${run.pointId}`);
  const pairs = await world.evidence.tornPairs(
    vm.vmId,
    point.disks.map(({ lun, snapshot }) => ({
      lun,
      source: { snapshotId: snapshot?.snapshotId ?? '' },
    })),
  );
  return {
    point,
    pairsChecked: pairs.pairsChecked,
    torn: Math.max(pairs.torn, pairs.cutViolations),
  };
}

export async function takeUnfrozenPoints(
  world: World,
  app: App,
  vm: PlacedScenario,
  narrator: Narrator,
  count: number,
): Promise<TakenPoint[]> {
  const taken: TakenPoint[] = [];
  await narrator.during(`${count} sets without a freeze`, async (report) => {
    for (let index = 0; index < count; index += 1) {
      taken.push(
        await takePoint(world, app, vm, {
          consistency: { provider: 'crash', label: 'uncoordinated' },
          targets: [],
        }),
      );
      report((index + 1) / count, `${taken.map(({ torn }) => torn).join(', ')} torn pairs`);
    }
  });
  for (const { point, torn, pairsChecked } of taken) {
    narrator.fact(`${point.pointId}  ${point.label}: ${torn} of ${pairsChecked} pairs torn`);
  }
  return taken;
}

export interface FrozenPoint extends TakenPoint {
  readonly freeze: FreezeRecord;
  /** From the acceptance of the slowest request until its operation ended, as ARM saw it. */
  readonly slowestSnapshotMs: number;
}

export async function takeFrozenPoint(
  world: World,
  app: App,
  vm: PlacedScenario,
  narrator: Narrator,
): Promise<FrozenPoint> {
  const taken = await narrator.during('one set in lockstep', () => takePoint(world, app, vm, {}));
  const freeze = (await world.guests.freezes({ vmId: vm.vmId })).at(-1);
  if (freeze === undefined) throw new Error('the guest was never frozen');
  const names = new Set(
    taken.point.disks.map(({ snapshot }) => snapshot?.snapshotId.toLowerCase()),
  );
  const set = (await world.azure.control.snapshots()).filter(({ snapshotId }) =>
    names.has(snapshotId.toLowerCase()),
  );
  const slowestSnapshotMs = Math.round(
    Math.max(...set.map(({ acceptedMs, endedMs = acceptedMs }) => endedMs - acceptedMs)),
  );
  const { point, torn, pairsChecked } = taken;
  narrator.fact(
    `${point.pointId}  ${point.label}: ${torn} of ${pairsChecked} pairs torn, frozen ${Math.round(freeze.heldMs ?? 0)} ms (slowest snapshot ${slowestSnapshotMs} ms), ${freeze.blockedWrites} writes waited`,
  );
  return { ...taken, freeze, slowestSnapshotMs };
}
