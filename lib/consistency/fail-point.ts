import { vmKeyOfRun } from '../catalog/identifiers.ts';
import { copyMayBecome, type PointCopy, PRIMARY_COPY } from '../catalog/point-copy.ts';
import type { RestorePoint } from '../catalog/restore-point.ts';
import type { MadeResource } from '../catalog/run.ts';
import { done, type Outcome } from '../outcome.ts';
import type { ConsistencyPorts } from './consistency-ports.ts';
import { abortSessionsOf, doomAll } from './end-attempt.ts';

export interface FailPointInput {
  readonly runId: string;
  readonly vmKey?: string;
  readonly pointId?: string;
  readonly errorCode: string;
  readonly message: string;
}

/**
 * Ends a run that did not reach its point: guests are told to thaw, everything that the run made is
 * doomed, the point becomes `failed`, the VM's lock is released. Repeatable. A point that is recorded
 * after all (its last answer was lost) keeps its snapshots.
 */
export async function failPoint(
  ports: ConsistencyPorts,
  input: FailPointInput,
): Promise<Outcome<{ readonly doomed: number }>> {
  const { runId, errorCode, message } = input;
  const vmKey = input.vmKey ?? vmKeyOfRun(runId);
  const point = await findPoint(ports, input, vmKey);
  const rows = (await ports.catalog.listMade(runId)).filter((row) => row.state === 'made');
  await abortSessionsOf(ports, rows, errorCode);

  // The point first: once it is failed, a recordPoint that is still under way somewhere is refused.
  if (point !== undefined && point.state === 'preparing') {
    await failRow(ports, point, { errorCode, message });
  }
  const settled =
    point === undefined ? undefined : await ports.catalog.getPoint(point.vmKey, point.pointId);
  if (settled?.value.state === 'failed') await endCopies(ports, settled.value, errorCode);
  const kept =
    settled?.value.state === 'recorded' ? snapshotIdsOf(settled.value) : new Set<string>();
  const isKept = (row: MadeResource): boolean =>
    row.kind === 'snapshot' && kept.has(row.resourceId.toLowerCase());
  await Promise.all(rows.filter(isKept).map((row) => ports.catalog.forgetMade(row)));
  const doomed = rows.filter((row) => !isKept(row));
  await doomAll(ports, doomed, errorCode);
  if (vmKey !== undefined) await ports.catalog.releaseLock(vmKey, runId);
  ports.events.emit('PointFailed', { runId, errorCode, doomed: doomed.length });
  return done({ doomed: doomed.length });
}

/** By its id, or, when the run died before it could say one, by the run. */
async function findPoint(
  ports: ConsistencyPorts,
  { runId, pointId }: FailPointInput,
  vmKey: string | undefined,
): Promise<RestorePoint | undefined> {
  if (vmKey === undefined) return undefined;
  if (pointId !== undefined) {
    const row = await ports.catalog.getPoint(vmKey, pointId);
    return row?.value.runId === runId ? row.value : undefined;
  }
  const points = await ports.catalog.listPoints({ vmKey });
  return points.find((one) => one.runId === runId);
}

async function failRow(
  ports: ConsistencyPorts,
  { vmKey, pointId }: RestorePoint,
  failure: { readonly errorCode: string; readonly message: string },
): Promise<void> {
  const row = await ports.catalog.getPoint(vmKey, pointId);
  if (row === undefined || row.value.state !== 'preparing') return;
  await ports.catalog.updatePoint({ ...row.value, state: 'failed', failure }, row.etag);
}

/** Copies exist when the run died between writing them and writing the point. */
async function endCopies(
  ports: ConsistencyPorts,
  { vmKey, pointId }: RestorePoint,
  reason: string,
): Promise<void> {
  const copies = await ports.catalog.listCopies({ vmKey, pointId });
  await Promise.all(copies.map((copy) => endCopy(ports, copy, reason)));
}

async function endCopy(ports: ConsistencyPorts, copy: PointCopy, reason: string): Promise<void> {
  const steps: readonly PointCopy['state'][] =
    copy.copy === PRIMARY_COPY ? ['expiring', 'gone'] : ['pending', 'skipped'];
  for (const state of steps) {
    const row = await ports.catalog.getCopy(copy.vmKey, copy.pointId, copy.copy);
    if (row === undefined || !copyMayBecome(row.value.state, state)) continue;
    const updatedAtUtc = ports.clock.now().toISOString();
    await ports.catalog.updateCopy({ ...row.value, state, reason, updatedAtUtc }, row.etag);
  }
}

const snapshotIdsOf = (point: RestorePoint): Set<string> =>
  new Set(point.disks.flatMap((disk) => disk.snapshot?.snapshotId.toLowerCase() ?? []));
