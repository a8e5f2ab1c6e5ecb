import { describe, expect, test } from 'vitest';
import { abandonCopy } from '../../../lib/copy/abandon-copy.ts';
import { copySlice } from '../../../lib/copy/copy-slice.ts';
import { openDiskCopy } from '../../../lib/copy/open-disk-copy.ts';
import { takeNextCopy } from '../../../lib/copy/take-next-copy.ts';
import { addPoint, createCopyWorld, RUN, replicate, runIdOf, TARGET } from './copy-world.ts';
import { expectReplica, someImage } from './images.ts';

describe('taking and giving back copies', () => {
  test('a snapshot that goes while it is copied refuses the disk; the copy is pending again', async () => {
    const world = createCopyWorld();
    const point = await addPoint(world, [someImage()]);
    const snapshotId = point.disks[0]?.snapshot?.snapshotId ?? '';
    const run = { ...RUN, runId: runIdOf(1) };
    await takeNextCopy(world.ports, run);
    world.snapshots.remove(snapshotId);
    const disk = { ...run, pointId: point.pointId, diskKey: point.disks[0]?.diskKey ?? '' };
    const refusal = await openDiskCopy(world.ports, disk);
    expect(refusal).toMatchObject({ errorCode: 'SourceSnapshotGone', target: snapshotId });
    const reason = 'SourceSnapshotGone: it is gone';
    await abandonCopy(world.ports, { ...run, pointId: point.pointId, reason });
    const copy = await world.catalog.getCopy(point.vmKey, point.pointId, TARGET);
    expect(copy?.value).toMatchObject({ state: 'pending', reason });
  });

  test('a point whose snapshot is gone is skipped with the reason, and the next one is copied', async () => {
    const world = createCopyWorld();
    const lost = await addPoint(world, [someImage()], 0);
    const image = someImage(4);
    const next = await addPoint(world, [image], 1);
    world.snapshots.remove(lost.disks[0]?.snapshot?.snapshotId ?? '');
    expect(await replicate(world, runIdOf(1))).toEqual([next.pointId]);
    await expectReplica(world, next, [image]);
    const copy = await world.catalog.getCopy(lost.vmKey, lost.pointId, TARGET);
    expect(copy?.value.state).toBe('skipped');
    expect(copy?.value.reason).toContain(lost.disks[0]?.snapshot?.name);
  });

  test('a copy that is given up for good leaves no rows of its progress', async () => {
    const world = createCopyWorld();
    const point = await addPoint(world, [someImage()]);
    const run = { ...RUN, runId: runIdOf(1) };
    await takeNextCopy(world.ports, run);
    const disk = { ...run, pointId: point.pointId, diskKey: point.disks[0]?.diskKey ?? '' };
    const opened = await openDiskCopy(world.ports, disk);
    if (!opened.ok) throw new Error(opened.message);
    await copySlice(world.ports, { ...disk, ...opened.value, fromOffset: 0 });
    expect(world.progress.rows).toBeGreaterThan(0);
    world.snapshots.remove(point.disks[0]?.snapshot?.snapshotId ?? '');

    expect(await takeNextCopy(world.ports, { ...RUN, runId: runIdOf(2) })).toMatchObject({
      ok: true,
      value: { nothing: true },
    });

    expect(world.progress.rows).toBe(0);
  });

  test('a chain whose newest copy is damaged is not built upon', async () => {
    const world = createCopyWorld();
    const image = someImage();
    const damaged = await addPoint(world, [image], 0);
    await replicate(world, runIdOf(1));
    const row = await world.catalog.getCopy(damaged.vmKey, damaged.pointId, TARGET);
    if (row === undefined) throw new Error('no copy');
    await world.catalog.updateCopy({ ...row.value, state: 'damaged' }, row.etag);
    const next = await addPoint(world, [image], 1);

    await takeNextCopy(world.ports, { ...RUN, runId: runIdOf(2) });
    const diskKey = next.disks[0]?.diskKey ?? '';
    const disk = { ...RUN, runId: runIdOf(2), pointId: next.pointId, diskKey };

    expect(await openDiskCopy(world.ports, disk)).toMatchObject({
      ok: true,
      value: { kind: 'base', baseReason: 'headDamaged', chainId: next.pointId.slice(2) },
    });
  });

  test('a grant that another reader holds stays open until that one lets it go', async () => {
    const world = createCopyWorld();
    const point = await addPoint(world, [someImage()]);
    const snapshotId = point.disks[0]?.snapshot?.snapshotId ?? '';
    await world.progress.holdGrant(snapshotId, 'replicate~elsewhere');
    await replicate(world, runIdOf(1));
    expect(world.snapshots.openGrants).toEqual([snapshotId]);
    expect(await world.progress.dropGrant(snapshotId, 'replicate~elsewhere')).toBe(0);
    expect(await world.catalog.listMade(runIdOf(1))).toEqual([]);
  });

  test('the grant of a run that died is ended by the run after it', async () => {
    const world = createCopyWorld();
    const point = await addPoint(world, [someImage()]);
    const run = { ...RUN, runId: runIdOf(1) };
    await takeNextCopy(world.ports, run);
    const disk = { ...run, pointId: point.pointId, diskKey: point.disks[0]?.diskKey ?? '' };
    const opened = await openDiskCopy(world.ports, disk);
    if (!opened.ok) throw new Error(opened.message);
    await copySlice(world.ports, { ...disk, ...opened.value, fromOffset: 0 });
    expect(world.snapshots.openGrants).toHaveLength(1);
    await replicate(world, runIdOf(2));
    expect(world.snapshots.openGrants).toEqual([]);
  });

  test('an unknown target is named with the ones that exist', async () => {
    const world = createCopyWorld();
    const answer = await takeNextCopy(world.ports, { ...RUN, runId: runIdOf(1), target: 'moon' });
    expect(answer).toMatchObject({ ok: false, errorCode: 'TargetUnknown', target: 'moon' });
    expect(!answer.ok && answer.message).toContain(TARGET);
  });

  test('a manifest that says something else is not overwritten', async () => {
    const world = createCopyWorld();
    const point = await addPoint(world, [someImage()]);
    world.manifests.overwrite(point, '{"formatVersion":1');
    expect(await takeNextCopy(world.ports, { ...RUN, runId: runIdOf(1) })).toMatchObject({
      ok: false,
      errorCode: 'ManifestCorrupt',
    });
  });

  test('a manifest that says something else holds up no other point', async () => {
    const world = createCopyWorld();
    const image = someImage();
    const spoiled = await addPoint(world, [image], 0);
    const next = await addPoint(world, [image], 1);
    world.manifests.overwrite(spoiled, '{"formatVersion":1');

    expect(await takeNextCopy(world.ports, { ...RUN, runId: runIdOf(1) })).toMatchObject({
      ok: true,
      value: { pointId: next.pointId },
    });
  });

  test('copies are taken oldest first, and a copy whose run died is taken up again', async () => {
    const world = createCopyWorld();
    const image = someImage();
    const later = await addPoint(world, [image], 1);
    const older = await addPoint(world, [image], 0);
    const first = await takeNextCopy(world.ports, { ...RUN, runId: runIdOf(1) });
    expect(first).toMatchObject({ ok: true, value: { pointId: older.pointId } });
    const again = await takeNextCopy(world.ports, { ...RUN, runId: runIdOf(2) });
    expect(again).toEqual(first);
    expect(await replicate(world, runIdOf(3))).toEqual([older.pointId, later.pointId]);
  });
});
