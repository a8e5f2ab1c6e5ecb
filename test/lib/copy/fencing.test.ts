import { describe, expect, test } from 'vitest';
import type { RestorePoint } from '../../../lib/catalog/restore-point.ts';
import { copySlice } from '../../../lib/copy/copy-slice.ts';
import { openDiskCopy } from '../../../lib/copy/open-disk-copy.ts';
import { sealDisk } from '../../../lib/copy/seal-disk.ts';
import { sealReplica } from '../../../lib/copy/seal-replica.ts';
import { takeNextCopy } from '../../../lib/copy/take-next-copy.ts';
import {
  addPoint,
  type CopyWorld,
  createCopyWorld,
  RUN,
  replicate,
  runIdOf,
  SEGMENT_BYTES,
} from './copy-world.ts';
import { expectReplica, someImage } from './images.ts';

describe('fencing', () => {
  const open = async (world: CopyWorld, point: RestorePoint, run: number) => {
    const disk = {
      ...RUN,
      runId: runIdOf(run),
      pointId: point.pointId,
      diskKey: point.disks[0]?.diskKey ?? '',
    };
    const opened = await openDiskCopy(world.ports, disk);
    if (!opened.ok) throw new Error(opened.message);
    return { ...disk, attempt: opened.value.attempt, chainId: opened.value.chainId };
  };

  test('a stale attempt writes nothing more and says that it was superseded', async () => {
    const world = createCopyWorld();
    const image = someImage();
    const point = await addPoint(world, [image]);
    await takeNextCopy(world.ports, { ...RUN, runId: runIdOf(1) });
    const stale = await open(world, point, 1);
    let next: Awaited<ReturnType<typeof open>> | undefined;
    // Another run takes over while the stale slice is between listing and writing.
    world.onWrite(async () => {
      if (next === undefined) next = await open(world, point, 2);
    });
    const slice = await copySlice(world.ports, { ...stale, fromOffset: 0, timeBudgetMs: 1e9 });
    world.onWrite(undefined);
    expect(slice).toMatchObject({ ok: false, errorCode: 'CopySuperseded' });
    expect(world.replicas.refusedWrites).toBeGreaterThan(0);
    expect(await sealDisk(world.ports, stale)).toMatchObject({ errorCode: 'CopySuperseded' });
    await replicate(world, runIdOf(3));
    await expectReplica(world, point, [image]);
  });

  test('a disk with a segment missing is not sealed, nor a replica with a disk missing', async () => {
    const world = createCopyWorld();
    const point = await addPoint(world, [someImage()]);
    await takeNextCopy(world.ports, { ...RUN, runId: runIdOf(1) });
    const disk = await open(world, point, 1);
    await copySlice(world.ports, { ...disk, fromOffset: SEGMENT_BYTES });
    expect(await sealDisk(world.ports, disk)).toMatchObject({ errorCode: 'CopyIncomplete' });
    expect(await sealReplica(world.ports, disk)).toMatchObject({ errorCode: 'CopyIncomplete' });
    expect(await world.manifests.list()).toEqual([]);
  });

  test('sealing twice takes one snapshot and writes one manifest', async () => {
    const world = createCopyWorld();
    const point = await addPoint(world, [someImage()]);
    await takeNextCopy(world.ports, { ...RUN, runId: runIdOf(1) });
    const disk = await open(world, point, 1);
    await copySlice(world.ports, { ...disk, fromOffset: 0, timeBudgetMs: 1e9 });
    const first = await sealDisk(world.ports, disk);
    expect(await sealDisk(world.ports, disk)).toEqual(first);
    const sealed = await sealReplica(world.ports, disk);
    expect(await sealReplica(world.ports, disk)).toEqual(sealed);
    const [chain] = await world.replicas.listChains(RUN.vmKey, disk.diskKey);
    expect(chain?.snapshots).toHaveLength(1);
  });

  test('a blob that nobody wrote since its seal needs no look for dirt, any other does', async () => {
    const listed: string[] = [];
    const world = createCopyWorld(
      {},
      { before: (method) => method.endsWith('listDirty') && listed.push(method) },
    );
    const image = someImage();
    const first = await addPoint(world, [image]);
    await replicate(world, runIdOf(1));
    await addPoint(world, [image], 1);
    await replicate(world, runIdOf(2));
    expect(listed).toEqual([]);
    const disk = (await world.manifests.read(first))?.disks[0];
    world.replicas.touch(disk?.blobPath ?? '');
    await addPoint(world, [image], 2);
    await replicate(world, runIdOf(3));
    expect(listed.length).toBeGreaterThan(0);
  });
});
