import type { PointCopy } from '../catalog/point-copy.ts';
import { comparePointsNewestFirst } from '../catalog/point-order.ts';
import type { RestorePoint } from '../catalog/restore-point.ts';
import { done, type Outcome, type Refusal } from '../outcome.ts';
import type { Versioned } from '../ports/catalog-store.ts';
import { type CopyPorts, findTarget, readManifest } from './copy-ports.ts';
import { markSealed } from './mark-sealed.ts';

export interface TakeNextCopyInput {
  readonly runId: string;
  readonly vmKey: string;
  readonly target: string;
}

export type NextCopy =
  | { readonly nothing: true }
  | { readonly pointId: string; readonly disks: readonly { readonly diskKey: string }[] };

/**
 * The oldest point of the VM that this target lacks; its copy is `copying` from here on. One run
 * works on a VM and target at a time, so a copy that is `copying` already was left by a dead run,
 * and is taken up again; should its runner live after all, the blob leases keep it out. A point whose
 * snapshots are gone is skipped. A corrupt manifest is refused once nothing else is left to copy.
 */
export async function takeNextCopy(
  ports: CopyPorts,
  { runId, vmKey, target: targetName }: TakeNextCopyInput,
): Promise<Outcome<NextCopy>> {
  const { catalog, clock, events } = ports;
  const target = findTarget(ports, targetName);
  if (!target.ok) return target;
  const open = await catalog.listCopies({
    vmKey,
    copy: targetName,
    states: ['pending', 'copying'],
  });
  let spoiled: Refusal | undefined;
  for (const { pointId } of open.toSorted(comparePointsNewestFirst).reverse()) {
    const row = await catalog.getCopy(vmKey, pointId, targetName);
    if (row === undefined || !['pending', 'copying'].includes(row.value.state)) continue;
    const point = await catalog.getPoint(vmKey, pointId);
    if (point?.value.state === 'preparing') continue;
    if (point?.value.state !== 'recorded') {
      await skip(ports, row, point === undefined ? 'its point is unknown' : 'its point failed');
      continue;
    }
    const manifest = await readManifest(target.value, { vmKey, pointId });
    if (!manifest.ok) {
      // Somebody has to look at it, and the points after it need not wait for that.
      spoiled ??= manifest;
      continue;
    }
    if (manifest.value !== undefined) {
      // The run that sealed it died before it could say so.
      await markSealed(ports, row, manifest.value);
      continue;
    }
    const gone = await findLostSnapshot(ports, point.value);
    if (gone !== undefined) {
      await skip(ports, row, `its snapshot ${gone} is gone`);
      events.emit('CopySkipped', { runId, vmKey, pointId, target: targetName, snapshot: gone });
      continue;
    }
    if (row.value.state === 'pending') {
      const { reason: _, ...rest } = row.value;
      await catalog.updateCopy(
        { ...rest, state: 'copying', updatedAtUtc: clock.now().toISOString() },
        row.etag,
      );
    }
    events.emit('CopyTaken', { runId, vmKey, pointId, target: targetName });
    return done({ pointId, disks: point.value.disks.map(({ diskKey }) => ({ diskKey })) });
  }
  return spoiled ?? done({ nothing: true });
}

/** The name of a snapshot without which the point can never be copied. */
async function findLostSnapshot(
  { snapshots }: CopyPorts,
  { disks }: RestorePoint,
): Promise<string | undefined> {
  const found = await Promise.all(
    disks.map(async ({ name, snapshot }) => {
      if (snapshot === undefined) return name;
      const facts = await snapshots.describe(snapshot.snapshotId);
      return facts?.uniqueId === snapshot.uniqueId ? undefined : snapshot.name;
    }),
  );
  return found.find((name) => name !== undefined);
}

async function skip(ports: CopyPorts, row: Versioned<PointCopy>, reason: string): Promise<void> {
  const updatedAtUtc = ports.clock.now().toISOString();
  const { vmKey, pointId, copy: target } = row.value;
  // First: nobody looks at a skipped copy again.
  await ports.progress.forget({ vmKey, pointId, target });
  let current = row;
  if (current.value.state === 'copying') {
    current = await ports.catalog.updateCopy(
      { ...current.value, state: 'pending', reason, updatedAtUtc },
      current.etag,
    );
  }
  await ports.catalog.updateCopy(
    { ...current.value, state: 'skipped', reason, updatedAtUtc },
    current.etag,
  );
}
