import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RestorePoint } from '../../lib/catalog/restore-point.ts';
import { copySlice } from '../../lib/copy/copy-slice.ts';
import { openDiskCopy } from '../../lib/copy/open-disk-copy.ts';
import { takeNextCopy } from '../../lib/copy/take-next-copy.ts';
import { verifyReplicaDisk } from '../../lib/verify/verify-replica-disk.ts';
import { RUN, replicate, runIdOf, TARGET } from '../lib/copy/copy-world.ts';
import {
  change,
  createHttpsWorld,
  createStore,
  type HttpsStand,
  MIB,
  SIZE,
  startHttpsStand,
} from './https-world.ts';

let stand: HttpsStand;

beforeAll(async () => {
  stand = await startHttpsStand();
}, 60_000);

afterAll(async () => {
  await stand?.fixture.stop();
});

beforeEach(() => {
  expect(stand.fixture.failures).toEqual([]);
});

describe.each(['verified', 'streamed'] as const)('mover %s over https', (mover) => {
  test('a base and an increment equal their sources; verification reads them back', async () => {
    const world = await createHttpsWorld(stand, mover);
    const stores = [createStore(), createStore()];
    const first = await world.addPoint(stores);
    const before = stores.map((store) => store.snapshot());
    await replicate(world, runIdOf(1));
    stores.forEach(change);
    const second = await world.addPoint(stores, 1);
    const after = stores.map((store) => store.snapshot());
    await replicate(world, runIdOf(2));
    const manifests = [
      await world.expectSealed(first, before),
      await world.expectSealed(second, after),
    ];
    expect(manifests.map((manifest) => manifest?.disks[0]?.kind)).toEqual(['base', 'increment']);
    expect(manifests[1]?.disks[0]).toMatchObject({
      mover: mover === 'streamed' ? 'streamed' : 'server',
      copiedBytes: 64 * 1024 + 512,
      proof: 'byDiff',
    });
    for (const point of [first, second]) {
      for (const { diskKey } of point.disks) {
        expect(await verify(world, point, diskKey)).toEqual([16 * MIB, 32 * MIB, null]);
      }
    }
    expect(world.grants.open.size).toBe(0);
    expect(stand.fixture.disks.open()).toEqual([]);
  });
});

const verify = async (
  world: Awaited<ReturnType<typeof createHttpsWorld>>,
  { vmKey, pointId }: RestorePoint,
  diskKey: string,
): Promise<(number | null)[]> => {
  const offsets: (number | null)[] = [];
  for (let fromOffset: number | null = 0; fromOffset !== null; ) {
    const slice = await verifyReplicaDisk(
      { ...world.ports, options: { ...world.ports.options, timeBudgetMs: 0 } },
      { target: TARGET, vmKey, pointId, diskKey, fromOffset },
    );
    if (!slice.ok) throw new Error(`${slice.errorCode}: ${slice.message}`);
    fromOffset = slice.value.nextOffset;
    offsets.push(fromOffset);
  }
  return offsets;
};

describe('faults of the platform', () => {
  test('a damaged byte of a sealed copy is found, with the disk named', async () => {
    const world = await createHttpsWorld(stand);
    const point = await world.addPoint([createStore()]);
    await replicate(world, runIdOf(1));
    const disk = (await world.target.manifests.read(point))?.disks[0];
    if (disk === undefined) throw new Error('no manifest');
    expect(await verify(world, point, disk.diskKey)).toHaveLength(3);
    stand.fixture.storage.damageByte(
      world.account.name,
      world.container,
      disk.blobPath,
      disk.blobSnapshot,
      17 * MIB + 2000,
    );
    await expect(verify(world, point, disk.diskKey)).rejects.toThrow('ReplicaDamaged');
  });

  test('a diff that the platform refuses makes the copy a base, with that reason', async () => {
    const world = await createHttpsWorld(stand);
    await world.addPoint([createStore()], 0);
    // Of the same family by its id, but not a successor of the first one.
    const stranger = createStore();
    const point = await world.addPoint([stranger], 1);
    await replicate(world, runIdOf(1));
    const manifest = await world.expectSealed(point, [stranger.snapshot()]);
    expect(manifest?.disks[0]).toMatchObject({ kind: 'base', baseReason: 'diffRefused' });
  });

  test('grants that ended are minted again, for reads, lists and fetches', async () => {
    const world = await createHttpsWorld(stand);
    const store = createStore();
    const point = await world.addPoint([store]);
    const run = { ...RUN, runId: runIdOf(1) };
    await takeNextCopy(world.ports, run);
    const disk = { ...run, pointId: point.pointId, diskKey: point.disks[0]?.diskKey ?? '' };
    const opened = await openDiskCopy(world.ports, disk);
    if (!opened.ok) throw new Error(opened.message);
    const slice = { ...disk, ...opened.value };
    await copySlice(world.ports, { ...slice, fromOffset: 0, timeBudgetMs: 0 });
    world.grants.expire();
    await replicate(world, runIdOf(2));
    await world.expectSealed(point, [store.snapshot()]);
    expect(world.grants.counts.granted).toBeGreaterThan(1);
    expect((await world.target.manifests.read(point))?.disks[0]?.mover).toBe('server');
  });

  test('a fetch with an expired grant mints another one', async () => {
    const world = await createHttpsWorld(stand, 'server');
    const store = createStore();
    const point = await world.addPoint([store]);
    const snapshotId = point.disks[0]?.snapshot?.snapshotId ?? '';
    const source = world.ports.snapshots.open(snapshotId, SIZE);
    const url = await source.sourceUrl();
    world.grants.expire();
    await replicate(world, runIdOf(1));
    await world.expectSealed(point, [store.snapshot()]);
    expect(await source.sourceUrl()).not.toBe(url);
    expect((await world.target.manifests.read(point))?.disks[0]).toMatchObject({
      mover: 'server',
      proof: 'none',
    });
  });

  test('no error holds a signature, also when the service echoes what it was sent', async () => {
    const world = await createHttpsWorld(stand);
    const store = createStore();
    const point = await world.addPoint([store]);
    const snapshotId = point.disks[0]?.snapshot?.snapshotId ?? '';
    const source = world.ports.snapshots.open(snapshotId, SIZE);
    const url = await source.sourceUrl();
    const signature = new URL(url).searchParams.get('sig') ?? '';
    await world.target.replicas.begin('v/d/c.vhd', {
      sizeBytes: SIZE + 512,
      leaseId: randomUUID(),
      knownLeaseIds: [],
      stamp: { deploymentId: 'd', pointId: point.pointId, diskKey: 'd', attempt: '000001' },
    });
    const writer = world.target.replicas.openForWriting('v/d/c.vhd', randomUUID());
    const failures: unknown[] = [];
    const attempt = async (use: () => Promise<unknown>): Promise<void> => {
      await use().catch((error: unknown) => failures.push(error));
    };
    await attempt(() => writer.writeFromUrl({ start: 0, end: 512 }, url, {}));
    await attempt(() => writer.writeFromUrl({ start: 0, end: 500 }, url, {}));
    world.grants.images.clear();
    world.grants.expire();
    world.grants.open.clear();
    await attempt(() => source.read(0, new Uint8Array(512)));
    await attempt(() => writer.writeFromUrl({ start: 0, end: 512 }, url, {}));
    expect(failures).toHaveLength(4);
    expect(signature.length).toBeGreaterThan(20);
    for (const failure of failures) {
      const text = `${inspectDeep(failure)}`;
      expect(text).not.toContain(signature);
      expect(text).not.toContain(encodeURIComponent(signature));
    }
  });
});

/** Everything that a careless logger could print of an error. */
const inspectDeep = (error: unknown): string => {
  if (!(error instanceof Error)) return JSON.stringify(error);
  const own = Object.getOwnPropertyNames(error).map(
    (name) => `${name}: ${JSON.stringify((error as unknown as Record<string, unknown>)[name])}`,
  );
  return `${error.stack}\n${own.join('\n')}\n${error.cause === undefined ? '' : inspectDeep(error.cause)}`;
};
