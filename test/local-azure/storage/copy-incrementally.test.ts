import { randomUUID } from 'node:crypto';
import type { ContainerClient, PageBlobClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blobServiceOf } from './page-blob-bed.ts';
import { refusal } from './refusal.ts';
import type { StorageFixture } from './storage-fixture.ts';
import { startStorage } from './storage-fixture.ts';

const MIB = 2 ** 20;
let fixture: StorageFixture;
let container: ContainerClient;

beforeAll(async () => {
  fixture = await startStorage();
  const service = blobServiceOf(fixture);
  container = service.getContainerClient('chains');
  await container.create();
}, 60_000);

afterAll(async () => {
  await fixture?.stop();
});

async function newSource(): Promise<PageBlobClient> {
  const source = container.getPageBlobClient(randomUUID());
  await source.create(MIB);
  await source.uploadPages(Buffer.alloc(1024, 1), 0, 1024);
  return source;
}

async function snapshotUrl(source: PageBlobClient): Promise<string> {
  const { snapshot = '' } = await source.createSnapshot();
  return source.withSnapshot(snapshot).url;
}

describe('Incremental Copy Blob', () => {
  it('makes a snapshot per copy, which can be read and compared', async () => {
    const source = await newSource();
    const target = container.getPageBlobClient(randomUUID());
    const started = await target.startCopyIncremental(await snapshotUrl(source));
    expect(started.copyStatus).toBe('pending');
    const first = await target.getProperties();
    expect(first).toMatchObject({
      copyStatus: 'success',
      copyId: started.copyId,
      isIncrementalCopy: true,
    });
    await source.uploadPages(Buffer.alloc(512, 2), 512, 512);
    await target.startCopyIncremental(await snapshotUrl(source));
    const second = await target.getProperties();
    const before = first.destinationSnapshot ?? '';
    const after = target.withSnapshot(second.destinationSnapshot ?? '');
    expect(before).not.toBe(second.destinationSnapshot);
    expect((await after.downloadToBuffer(500, 24))[23]).toBe(2);
    const { pageRange } = await after.getPageRangesDiff(0, MIB, before);
    expect(pageRange).toEqual([{ offset: 512, count: 511 }]);
  });

  it('allows only properties, copies and deletion of its base', async () => {
    const target = container.getPageBlobClient(randomUUID());
    await target.startCopyIncremental(await snapshotUrl(await newSource()));
    const notAllowed = '409 OperationNotAllowedOnIncrementalCopyBlob';
    expect(await refusal(target.downloadToBuffer(0, 512))).toBe(notAllowed);
    expect(await refusal(target.uploadPages(Buffer.alloc(512), 0, 512))).toBe(notAllowed);
    expect(await refusal(target.createSnapshot())).toBe(notAllowed);
    expect(await refusal(target.create(MIB))).toBe(notAllowed);
    await target.delete({ deleteSnapshots: 'include' });
    expect(await target.exists()).toBe(false);
  });

  it('takes only later snapshots of one unbroken source', async () => {
    const source = await newSource();
    const early = await snapshotUrl(source);
    const late = await snapshotUrl(source);
    const target = container.getPageBlobClient(randomUUID());
    expect(await refusal(target.startCopyIncremental(source.url))).toBe(
      '409 IncrementalCopySourceMustBeSnapshot',
    );
    await target.startCopyIncremental(late);
    expect(await refusal(target.startCopyIncremental(early))).toBe(
      '409 IncrementalCopyOfEarlierVersionSnapshotNotAllowed',
    );
    expect(await refusal(target.startCopyIncremental(await snapshotUrl(await newSource())))).toBe(
      '409 IncrementalCopyBlobMismatch',
    );
    await source.create(MIB);
    expect(await refusal(target.startCopyIncremental(await snapshotUrl(source)))).toBe(
      '409 BlobOverwritten',
    );
    const other = await newSource();
    expect(await refusal(other.startCopyIncremental(late))).toBe('409 BlobAlreadyExists');
  });
});
