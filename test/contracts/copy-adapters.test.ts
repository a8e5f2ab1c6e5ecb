import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manifestPath } from '../../lib/catalog/storage-layout.ts';
import type { OpenSnapshot } from '../../lib/ports/snapshot-reader.ts';
import { replicate, runIdOf } from '../lib/copy/copy-world.ts';
import { createPageStore } from '../local-azure/pages/page-store.ts';
import {
  createHttpsWorld,
  createStore,
  type HttpsStand,
  MIB,
  startHttpsStand,
} from './https-world.ts';

let stand: HttpsStand;

beforeAll(async () => {
  stand = await startHttpsStand();
}, 60_000);

afterAll(async () => {
  await stand?.fixture.stop();
});

describe('replica store', () => {
  const stampOf = (attempt: string) => ({
    deploymentId: 'lockstep-test',
    pointId: 'p-20261123T181501Z-1a2b3c4d',
    diskKey: '0123456789abcdef',
    attempt,
  });

  test('takes a lease over by name, breaks an unknown one, and refuses the loser', async () => {
    const { target } = await createHttpsWorld(stand);
    const { replicas } = target;
    const path = 'vm/0123456789abcdef/chain.vhd';
    const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
    const begin = (leaseId: string, knownLeaseIds: string[], sizeBytes = MIB + 512) =>
      replicas.begin(path, { sizeBytes, leaseId, knownLeaseIds, stamp: stampOf('000001') });
    expect(await begin(first, [])).toMatchObject({ created: true });
    expect(await begin(first, [])).toMatchObject({ created: false });
    const stale = replicas.openForWriting(path, first);
    await stale.write(0, Buffer.alloc(4096, 1));
    expect(await begin(second, [third, first], 2 * MIB + 512)).toMatchObject({
      created: false,
      takenOverFrom: first,
    });
    await expect(stale.write(0, Buffer.alloc(512, 2))).rejects.toMatchObject({
      name: 'ConflictError',
    });
    await expect(stale.clear({ start: 0, end: 512 })).rejects.toMatchObject({
      name: 'ConflictError',
    });
    await expect(stale.seal(stampOf('000001'))).rejects.toMatchObject({ name: 'ConflictError' });
    const broken = await begin(third, [randomUUID()]);
    expect(broken.created).toBe(false);
    expect(broken.takenOverFrom).toBeUndefined();
    const writer = replicas.openForWriting(path, third);
    await writer.write(2 * MIB, Buffer.alloc(512, 3));
    const [chain] = await replicas.listChains('vm', '0123456789abcdef');
    expect(chain).toMatchObject({ chainId: 'chain', sizeBytes: 2 * MIB + 512, snapshots: [] });
    const sealed = await writer.seal(stampOf('000003'));
    expect(await writer.seal(stampOf('000004'))).toEqual(sealed);
    const [after] = await replicas.listChains('vm', '0123456789abcdef');
    expect(after?.snapshots).toEqual([
      { blobSnapshot: sealed.blobSnapshot, stamp: stampOf('000003') },
    ]);
    expect(after?.etag).toBe(sealed.etag);
    // Taking over an untouched blob shows the ETag of its seal.
    const next = await begin(second, [third], 2 * MIB + 512);
    expect(next).toEqual({ created: false, etag: sealed.etag, takenOverFrom: third });
    await begin(third, [second], 2 * MIB + 512);
    await writer.write(4096, Buffer.alloc(1024, 4));
    await writer.clear({ start: 512, end: 1024 });
    expect(await writer.listDirty({ start: 0, end: MIB }, sealed.blobSnapshot)).toEqual([
      { start: 512, end: 1024 },
      { start: 4096, end: 5120 },
    ]);
    const replica = await replicas.openSealed(path, sealed.blobSnapshot);
    expect(replica?.stamp).toEqual(stampOf('000003'));
    expect(await replica?.listAllocated({ start: 0, end: MIB })).toEqual([{ start: 0, end: 4096 }]);
    expect(await replicas.openSealed(path, '2020-01-01T00:00:00.0000000Z')).toBeUndefined();
    expect(await replicas.openSealed('vm/none.vhd', sealed.blobSnapshot)).toBeUndefined();
  });
});

describe('disk SAS reader', () => {
  test('asks for a diff of more than 10,000 ranges in parts, and misses none', async () => {
    const world = await createHttpsWorld(stand);
    const store = createPageStore(64 * MIB);
    const open = async (sequence: number): Promise<OpenSnapshot> => {
      const point = await world.addPoint([store], sequence);
      return world.ports.snapshots.open(point.disks[0]?.snapshot?.snapshotId ?? '', 64 * MIB);
    };
    const previous = await open(0);
    const expected = [];
    for (let offset = 0; offset < 64 * MIB; offset += 4096) {
      store.write(offset, Buffer.alloc(512, 1));
      expected.push({ start: offset, end: offset + 512, kind: 'write' });
    }
    const source = await open(1);
    const found = await source.listChanged(previous, { start: 0, end: 64 * MIB });
    expect(found).toHaveLength(expected.length);
    expect(found).toEqual(expected);
    expect(await source.listAllocated({ start: 0, end: 64 * MIB })).toHaveLength(expected.length);
  }, 20_000);
});

describe('manifest store', () => {
  const sealedWorld = async () => {
    const world = await createHttpsWorld(stand);
    const store = createStore();
    const first = await world.addPoint([store], 0);
    const second = await world.addPoint([store], 1);
    await replicate(world, runIdOf(1));
    const container = stand.clients
      .blobService(world.account.blobEndpoint)
      .getContainerClient(world.container);
    const path = manifestPath(first.vmKey, first.pointId);
    return { ...world, first, second, container, blob: container.getBlockBlobClient(path), path };
  };

  test('writes once: the same again is accepted, another content is refused and kept out', async () => {
    const { target, first } = await sealedWorld();
    const manifest = await target.manifests.read(first);
    if (manifest === undefined) throw new Error('no manifest');
    const later = { ...manifest, sealedAtUtc: '2027-01-01T00:00:00.000Z' };
    await target.manifests.write(later);
    const other = { ...manifest, target: 'another' };
    await expect(target.manifests.write(other)).rejects.toMatchObject({ name: 'ConflictError' });
    expect(await target.manifests.read(first)).toEqual(manifest);
  });

  test('lists oldest first, of one VM or of all, and nothing that is no manifest', async () => {
    const { target, first, second, container } = await sealedWorld();
    const expected = [first, second].map(({ vmKey, pointId }) => ({ vmKey, pointId }));
    await container.getBlockBlobClient(`${first.vmKey}/points/notes.txt`).upload('x', 1);
    expect(await target.manifests.list()).toEqual(expected);
    expect(await target.manifests.list(first.vmKey)).toEqual(expected);
    expect(await target.manifests.list('0'.repeat(24))).toEqual([]);
    expect(
      await target.manifests.read({ vmKey: first.vmKey, pointId: 'p-20200101T000000Z-00000000' }),
    ).toBeUndefined();
  });

  test.each([
    ['is cut', '{"formatVersion":1', /not JSON/],
    ['lacks a field', '{"formatVersion":1,"kind":"lockstep-manifest"}', /field target/],
  ])('names path and field of a manifest that %s', async (_, text, message) => {
    const { target, first, blob, path } = await sealedWorld();
    await blob.upload(text, text.length);
    const reading = target.manifests.read(first);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toMatchObject({ errorCode: 'MalformedData' });
    await expect(reading).rejects.toThrow(path);
  });

  test('gives its lease to one restore at a time', async () => {
    const { target, first } = await sealedWorld();
    const [mine, yours] = [randomUUID(), randomUUID()];
    await target.manifests.lease(first, mine, 30);
    await target.manifests.lease(first, mine, 30);
    await expect(target.manifests.lease(first, yours, 30)).rejects.toMatchObject({
      name: 'ConflictError',
    });
    await target.manifests.release(first, yours);
    await target.manifests.release(first, mine);
    await target.manifests.release(first, mine);
    await target.manifests.lease(first, yours, 30);
    await target.manifests.release(first, yours);
  });
});
