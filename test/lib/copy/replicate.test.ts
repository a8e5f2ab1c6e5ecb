import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RestorePoint } from '../../../lib/catalog/restore-point.ts';
import { copySlice } from '../../../lib/copy/copy-slice.ts';
import { openDiskCopy } from '../../../lib/copy/open-disk-copy.ts';
import { sealDisk } from '../../../lib/copy/seal-disk.ts';
import { sealReplica } from '../../../lib/copy/seal-replica.ts';
import { takeNextCopy } from '../../../lib/copy/take-next-copy.ts';
import { createVhdFooter } from '../../../lib/copy/vhd-footer.ts';
import { BackupError } from '../../../lib/errors.ts';
import { createMemoryImage, type MemoryImage } from '../../fakes/memory-image.ts';
import {
  addPoint,
  type CopyWorld,
  createCopyWorld,
  RefusalSeen,
  RUN,
  replicate,
  runIdOf,
  SEGMENT_BYTES,
  sumsOf,
  TARGET,
} from './copy-world.ts';

const KIB = 1024;
const SECTOR = 512;

/** Two segments and a bit, not a multiple of a page. */
const SIZE = 2 * SEGMENT_BYTES + 5 * 4096 + 3 * SECTOR;

interface Change {
  readonly at: number;
  readonly sectors: number;
  readonly fill: number;
}

/** `fill` 0 clears. */
const apply = (image: MemoryImage, changes: readonly Change[]): MemoryImage => {
  const next = image.copy();
  for (const { at, sectors, fill } of changes) {
    const start = at * SECTOR;
    const end = Math.min(start + sectors * SECTOR, image.sizeBytes);
    if (fill === 0) next.clear({ start, end });
    else next.write(start, Buffer.alloc(end - start, fill));
  }
  return next;
};

const someImage = (seed = 1): MemoryImage =>
  apply(createMemoryImage(SIZE), [
    { at: 0, sectors: 20, fill: seed },
    { at: 101, sectors: 9, fill: seed + 1 },
    { at: 125, sectors: 30, fill: seed + 2 },
    { at: 290, sectors: 9, fill: seed + 3 },
  ]);

const changes = fc.array(
  fc.record({
    at: fc.nat(SIZE / SECTOR - 1),
    sectors: fc.integer({ min: 1, max: 40 }),
    fill: fc.nat(255),
  }),
  { minLength: 0, maxLength: 6 },
);

/** The target's sealed copies equal the sources, byte for byte, and so do manifest and digest. */
const expectReplica = async (
  world: CopyWorld,
  point: RestorePoint,
  images: readonly MemoryImage[],
): Promise<void> => {
  const { vmKey, pointId } = point;
  const copy = await world.catalog.getCopy(vmKey, pointId, TARGET);
  expect(copy?.value.state).toBe('sealed');
  const manifest = await world.manifests.read({ vmKey, pointId });
  expect(manifest?.disks.map((disk) => disk.diskKey)).toEqual(point.disks.map((d) => d.diskKey));
  for (const [index, disk] of (manifest?.disks ?? []).entries()) {
    const source = images[index];
    if (source === undefined) throw new TypeError('one image for each disk');
    const sealed = world.replicas.sealedImage(disk.blobPath, disk.blobSnapshot);
    expect(sealed.sizeBytes).toBe(source.sizeBytes + SECTOR);
    const content = sealed.read(0, source.sizeBytes);
    expect(content.equals(source.read(0, source.sizeBytes))).toBe(true);
    expect(
      sealed.read(source.sizeBytes, SECTOR).equals(createVhdFooter(source.sizeBytes, disk.chainId)),
    ).toBe(true);
    expect(disk.digest?.segments).toEqual(sumsOf(source));
  }
};

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
  after.write(SIZE + 40 * SECTOR, Buffer.alloc(KIB, 5));
  const point = await addPoint(world, [after], 1);
  await replicate(world, runIdOf(2));
  await expectReplica(world, point, [after]);
  expect((await world.manifests.read(point))?.disks[0]?.kind).toBe('increment');
});

describe('faults', () => {
  test('each call fails once, before or after its effect: the same retries complete the copy', async () => {
    const seen = new Set<string>();
    const failOnce = (when: string) => (method: string) => {
      const key = `${when} ${method}`;
      if (seen.has(key)) return;
      seen.add(key);
      throw new BackupError('TimedOut', key);
    };
    const world = createCopyWorld({}, { before: failOnce('before'), after: failOnce('after') });
    const images = [someImage(1), someImage(5)];
    const first = await addPoint(world, images);
    await replicate(world, runIdOf(1), 60);
    await expectReplica(world, first, images);
    const changed = images.map((image) => apply(image, [{ at: 30, sectors: 90, fill: 3 }]));
    const second = await addPoint(world, changed, 1);
    await replicate(world, runIdOf(2), 60);
    await expectReplica(world, second, changed);
    expect([...seen].filter((key) => key.includes('replicas.openForWriting.seal'))).toHaveLength(2);
    expect(world.snapshots.openGrants).toEqual([]);
  });

  test('runs that die anywhere leave a copy that a later run completes with equal content', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(changes, { minLength: 1, maxLength: 3 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        async (steps, deaths, afterEffect) => {
          let callsLeft = Number.POSITIVE_INFINITY;
          const die = (): void => {
            callsLeft -= 1;
            if (callsLeft < 0) throw new BackupError('TimedOut', 'the run dies');
          };
          const hooks = afterEffect ? { after: die } : { before: die };
          const world = createCopyWorld({ pace: { ...PACE, maxTries: 1 } }, hooks);
          let image = someImage();
          let run = 0;
          for (const [sequence, step] of steps.entries()) {
            image = apply(image, step);
            const point = await addPoint(world, [image], sequence);
            for (const death of deaths) {
              run += 1;
              callsLeft = death;
              // The abandoning activities die as well: the copy stays `copying`.
              await replicate(world, runIdOf(run)).catch(() => undefined);
            }
            callsLeft = Number.POSITIVE_INFINITY;
            run += 1;
            await replicate(world, runIdOf(run));
            await expectReplica(world, point, [image]);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('content that an abandoned point left behind does not stay in the next one', async () => {
    const world = createCopyWorld();
    const base = someImage();
    await addPoint(world, [base]);
    await replicate(world, runIdOf(1));
    // Point 1 changes sectors, is half copied and given up; point 2 has them as they were.
    const torn = apply(base, [
      { at: 3, sectors: 4, fill: 200 },
      { at: 60, sectors: 4, fill: 201 },
      { at: 125, sectors: 8, fill: 0 },
    ]);
    const abandoned = await addPoint(world, [torn], 1);
    const run = { ...RUN, runId: runIdOf(2) };
    await takeNextCopy(world.ports, run);
    const disk = { ...run, pointId: abandoned.pointId, diskKey: abandoned.disks[0]?.diskKey ?? '' };
    const opened = await openDiskCopy(world.ports, disk);
    if (!opened.ok) throw new Error(opened.message);
    const { attempt, chainId } = opened.value;
    await copySlice(world.ports, { ...disk, attempt, chainId, fromOffset: 0, timeBudgetMs: 1e9 });
    const copy = await world.catalog.getCopy(RUN.vmKey, abandoned.pointId, TARGET);
    if (copy === undefined) throw new Error('no copy');
    const pending = await world.catalog.updateCopy({ ...copy.value, state: 'pending' }, copy.etag);
    await world.catalog.updateCopy({ ...pending.value, state: 'skipped' }, pending.etag);
    const point = await addPoint(world, [base], 2);
    await replicate(world, runIdOf(3));
    await expectReplica(world, point, [base]);
    expect((await world.manifests.read(point))?.disks[0]?.kind).toBe('increment');
  });

  test('a run that comes again goes on where the earlier one stopped', async () => {
    let writesLeft = 4;
    const world = createCopyWorld({ pace: { ...PACE, maxTries: 1 } });
    world.onWrite(() => {
      writesLeft -= 1;
      if (writesLeft < 0) throw new BackupError('TimedOut', 'gone');
    });
    const image = apply(createMemoryImage(SIZE), [{ at: 0, sectors: SIZE / SECTOR, fill: 9 }]);
    const point = await addPoint(world, [image]);
    for (let run = 1; ; run += 1) {
      writesLeft = 7;
      const done = await replicate(world, runIdOf(run)).catch(() => undefined);
      if (done !== undefined) break;
      if (run > 10) throw new Error('no progress');
    }
    await expectReplica(world, point, [image]);
  });
});

const PACE = { startWith: 2, atMost: 3, maxTries: 3, retryDelayMs: 1 };

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

describe('refusals', () => {
  test('a snapshot that is gone refuses the disk, and the copy is pending with the reason', async () => {
    const world = createCopyWorld();
    const point = await addPoint(world, [someImage()]);
    world.snapshots.remove(point.disks[0]?.snapshot?.snapshotId ?? '');
    const failure = await replicate(world, runIdOf(1)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RefusalSeen);
    expect(failure).toMatchObject({ errorCode: 'SourceSnapshotGone' });
    const copy = await world.catalog.getCopy(point.vmKey, point.pointId, TARGET);
    expect(copy?.value).toMatchObject({ state: 'pending' });
    expect(copy?.value.reason).toContain('SourceSnapshotGone');
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
