import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copySlice } from '../../../lib/copy/copy-slice.ts';
import { openDiskCopy } from '../../../lib/copy/open-disk-copy.ts';
import { takeNextCopy } from '../../../lib/copy/take-next-copy.ts';
import { BackupError } from '../../../lib/errors.ts';
import { createMemoryImage } from '../../fakes/memory-image.ts';
import { addPoint, createCopyWorld, RUN, replicate, runIdOf, TARGET } from './copy-world.ts';
import { apply, changes, expectReplica, SECTOR, SIZE, someImage } from './images.ts';

const PACE = { startWith: 2, atMost: 3, maxTries: 3, retryDelayMs: 1 };

/** Only what the tests themselves throw may end a run. */
const deadRun = (error: unknown): undefined => {
  if (!(error instanceof BackupError)) throw error;
};

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
              await replicate(world, runIdOf(run)).catch(deadRun);
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

  test('finished segments count no more once another point was written over them', async () => {
    const world = createCopyWorld();
    const images = [someImage(1), someImage(100)] as const;
    const first = await addPoint(world, [images[0]], 0);
    const second = await addPoint(world, [images[1]], 1);
    const run = { ...RUN, runId: runIdOf(1) };
    await takeNextCopy(world.ports, run);
    for (const { pointId, disks } of [first, second]) {
      const disk = { ...run, pointId, diskKey: disks[0]?.diskKey ?? '' };
      const opened = await openDiskCopy(world.ports, disk);
      if (!opened.ok) throw new Error(opened.message);
      await copySlice(world.ports, { ...disk, ...opened.value, fromOffset: 0, timeBudgetMs: 1e9 });
    }
    expect(world.replicas.paths).toHaveLength(1);
    await replicate(world, runIdOf(2));
    await expectReplica(world, first, [images[0]]);
    await expectReplica(world, second, [images[1]]);
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
      const done = await replicate(world, runIdOf(run)).catch(deadRun);
      if (done !== undefined) break;
      if (run > 10) throw new Error('no progress');
    }
    await expectReplica(world, point, [image]);
  });
});
