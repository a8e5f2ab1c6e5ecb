import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryImage } from '../../fakes/memory-image.ts';
import { addPoint, createCopyWorld, replicate, runIdOf, SEGMENT_BYTES } from './copy-world.ts';
import { apply, changes, expectReplica, SECTOR, SIZE, someImage } from './images.ts';

describe.each(['verified', 'streamed'] as const)('with mover %s', (mover) => {
  test('a base copy equals its source, with footer, digest and manifest', async () => {
    const world = createCopyWorld({ mover });
    const images = [someImage(1), someImage(9), createMemoryImage(SIZE)];
    const point = await addPoint(world, images);
    expect(await replicate(world, runIdOf(1))).toEqual([point.pointId]);
    await expectReplica(world, point, images);
    const manifest = await world.manifests.read(point);
    expect(manifest?.disks.map(({ kind, baseReason }) => [kind, baseReason])).toEqual(
      images.map(() => ['base', 'firstCopy']),
    );
    expect(manifest?.disks[0]?.mover).toBe(mover === 'streamed' ? 'streamed' : 'server');
    expect(world.snapshots.openGrants).toEqual([]);
    expect(world.progress.rows).toBe(0);
  });
});

test('chains of increments with random changes equal their sources', async () => {
  await fc.assert(
    fc.asyncProperty(
      changes,
      fc.array(changes, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('verified' as const, 'streamed' as const),
      async (first, later, mover) => {
        const world = createCopyWorld({ mover });
        let image = apply(createMemoryImage(SIZE), first);
        for (const [sequence, change] of [[], ...later].entries()) {
          image = apply(image, change);
          const point = await addPoint(world, [image], sequence);
          await replicate(world, runIdOf(sequence));
          await expectReplica(world, point, [image]);
          const manifest = await world.manifests.read(point);
          expect(manifest?.disks[0]?.kind).toBe(sequence === 0 ? 'base' : 'increment');
        }
        expect(world.replicas.paths).toHaveLength(1);
      },
    ),
    { numRuns: 40 },
  );
});

test('an increment writes only what changed', async () => {
  const world = createCopyWorld();
  const before = someImage();
  await addPoint(world, [before]);
  await replicate(world, runIdOf(1));
  const written = world.replicas.bytesWritten;
  const after = apply(before, [
    { at: 40, sectors: 16, fill: 77 },
    { at: 101, sectors: 9, fill: 0 },
  ]);
  const point = await addPoint(world, [after], 1);
  await replicate(world, runIdOf(2));
  await expectReplica(world, point, [after]);
  expect(world.replicas.bytesWritten - written).toBe(16 * SECTOR + SECTOR);
});

test('a disk that has grown is copied on, without its earlier footer inside', async () => {
  const world = createCopyWorld();
  const before = someImage();
  await addPoint(world, [before]);
  await replicate(world, runIdOf(1));
  const after = before.copy();
  after.resize(SIZE + SEGMENT_BYTES);
  after.write(SIZE + 40 * SECTOR, Buffer.alloc(1024, 5));
  const point = await addPoint(world, [after], 1);
  await replicate(world, runIdOf(2));
  await expectReplica(world, point, [after]);
  expect((await world.manifests.read(point))?.disks[0]?.kind).toBe('increment');
});

describe('movers', () => {
  test('streamed takes over by itself where the platform will not fetch, and says so', async () => {
    const world = createCopyWorld({ mover: 'verified' });
    world.refuseFetches();
    const image = someImage();
    const point = await addPoint(world, [image]);
    await replicate(world, runIdOf(1));
    await expectReplica(world, point, [image]);
    expect((await world.manifests.read(point))?.disks[0]?.mover).toBe('streamed');
  });

  test('an expired grant is minted again, and the server goes on fetching', async () => {
    const world = createCopyWorld({ mover: 'verified' });
    let writes = 0;
    world.onWrite(() => {
      writes += 1;
      if (writes === 2) world.snapshots.expireGrants();
    });
    const image = someImage();
    const point = await addPoint(world, [image]);
    await replicate(world, runIdOf(1));
    await expectReplica(world, point, [image]);
    expect((await world.manifests.read(point))?.disks[0]?.mover).toBe('server');
  });

  test('server without verification reads nothing, and its manifest claims no proof', async () => {
    const world = createCopyWorld({ mover: 'server' });
    const image = someImage();
    const point = await addPoint(world, [image]);
    await replicate(world, runIdOf(1));
    expect(world.snapshots.bytesRead).toBe(0);
    const disk = (await world.manifests.read(point))?.disks[0];
    expect(disk?.proof).toBe('none');
    expect(disk?.digest).toBeUndefined();
    const sealed = world.replicas.sealedImage(disk?.blobPath ?? '', disk?.blobSnapshot ?? '');
    expect(sealed.read(0, SIZE).equals(image.read(0, SIZE))).toBe(true);
  });
});
