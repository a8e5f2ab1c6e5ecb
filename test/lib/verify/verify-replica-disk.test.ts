import { describe, expect, test } from 'vitest';
import type { RestorePoint } from '../../../lib/catalog/restore-point.ts';
import { verifyReplicaDisk } from '../../../lib/verify/verify-replica-disk.ts';
import { createMemoryImage } from '../../fakes/memory-image.ts';
import {
  addPoint,
  type CopyWorld,
  createCopyWorld,
  replicate,
  runIdOf,
  SEGMENT_BYTES,
  TARGET,
} from '../copy/copy-world.ts';

const SIZE = 3 * SEGMENT_BYTES;

const sealedWorld = async (mover: 'verified' | 'server' = 'verified') => {
  const world = createCopyWorld({ mover });
  const image = createMemoryImage(SIZE);
  image.write(512, Buffer.alloc(9 * 4096, 7));
  image.write(SEGMENT_BYTES + 4096, Buffer.alloc(1024, 8));
  const point = await addPoint(world, [image]);
  await replicate(world, runIdOf(1));
  return { world, point };
};

const verify = (world: CopyWorld, point: RestorePoint, fromOffset = 0, timeBudgetMs = 1e9) =>
  verifyReplicaDisk(world.ports, {
    target: TARGET,
    vmKey: point.vmKey,
    pointId: point.pointId,
    diskKey: point.disks[0]?.diskKey ?? '',
    fromOffset,
    timeBudgetMs,
  });

const sealedImage = async (world: CopyWorld, point: RestorePoint) => {
  const disk = (await world.manifests.read(point))?.disks[0];
  return world.replicas.sealedImage(disk?.blobPath ?? '', disk?.blobSnapshot ?? '');
};

describe('verifyReplicaDisk', () => {
  test('reads what is allocated, whole pages of it, and agrees with the manifest', async () => {
    const { world, point } = await sealedWorld();
    expect(await verify(world, point)).toEqual({
      ok: true,
      value: { nextOffset: null, readBytes: 10 * 4096 + 4096, proof: 'byDiff' },
    });
  });

  test('goes on from a cursor, a segment at a time when there is no time', async () => {
    const { world, point } = await sealedWorld();
    const first = await verify(world, point, 0, 0);
    expect(first).toMatchObject({ ok: true, value: { nextOffset: SEGMENT_BYTES } });
    const second = await verify(world, point, SEGMENT_BYTES, 0);
    expect(second).toMatchObject({ ok: true, value: { nextOffset: 2 * SEGMENT_BYTES } });
    const third = await verify(world, point, 2 * SEGMENT_BYTES, 0);
    expect(third).toMatchObject({ ok: true, value: { nextOffset: null, readBytes: 0 } });
  });

  test.each([
    ['a changed byte', 600, 1],
    ['a page that was zero', 2 * SEGMENT_BYTES, 1],
    ['a page that is zero now', SEGMENT_BYTES + 4096, 0],
  ])('finds %s', async (_, offset, fill) => {
    const { world, point } = await sealedWorld();
    const image = await sealedImage(world, point);
    const start = Math.floor(offset / 512) * 512;
    const sectors = image.read(start, 1024);
    sectors.fill(fill, offset - start, fill === 0 ? 1024 : offset - start + 1);
    image.write(start, sectors);
    const answer = await verify(world, point);
    expect(answer).toMatchObject({ ok: false, errorCode: 'ReplicaDamaged' });
    const segment = Math.floor(offset / SEGMENT_BYTES) * SEGMENT_BYTES;
    expect(!answer.ok && answer.message).toContain(`bytes ${segment} to`);
  });

  test('content that was cleared and content that was never written are one', async () => {
    const { world, point } = await sealedWorld();
    const image = await sealedImage(world, point);
    image.write(2 * SEGMENT_BYTES, Buffer.alloc(4096));
    expect(await verify(world, point)).toMatchObject({ ok: true });
  });

  test('a blob snapshot that is gone is damage', async () => {
    const { world, point } = await sealedWorld();
    const disk = (await world.manifests.read(point))?.disks[0];
    world.replicas.removeSnapshot(disk?.blobPath ?? '', disk?.blobSnapshot ?? '');
    expect(await verify(world, point)).toMatchObject({ errorCode: 'ReplicaDamaged' });
  });

  test('says that there is no proof where the copy was made without one', async () => {
    const { world, point } = await sealedWorld('server');
    expect(await verify(world, point)).toEqual({
      ok: true,
      value: { nextOffset: null, readBytes: 0, proof: 'none' },
    });
  });

  test('refuses an unknown target, a point that is not sealed and a corrupt manifest', async () => {
    const { world, point } = await sealedWorld();
    const other = await addPoint(world, [createMemoryImage(SIZE)], 1);
    expect(await verify(world, other)).toMatchObject({ errorCode: 'PointNotSealed' });
    const unknown = await verifyReplicaDisk(world.ports, {
      target: 'moon',
      vmKey: point.vmKey,
      pointId: point.pointId,
      diskKey: '',
      fromOffset: 0,
    });
    expect(unknown).toMatchObject({ errorCode: 'TargetUnknown' });
    world.manifests.overwrite(point, '{}');
    expect(await verify(world, point)).toMatchObject({ errorCode: 'ManifestCorrupt' });
  });
});
