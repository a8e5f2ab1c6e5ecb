import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { ContainerClient, PageBlobClient } from '@azure/storage-blob';
import { BlobSASPermissions } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPageStore } from '../pages/page-store.ts';
import { crc64 } from './crc64.ts';
import { blobServiceOf } from './page-blob-bed.ts';
import { refusal } from './refusal.ts';
import type { StorageFixture } from './storage-fixture.ts';
import { NORTH, startStorage, WEST } from './storage-fixture.ts';

const MIB = 2 ** 20;
let fixture: StorageFixture;
let container: ContainerClient;

beforeAll(async () => {
  fixture = await startStorage({ regions: [WEST], remoteCopyMs: 2500 });
  const service = blobServiceOf(fixture);
  container = service.getContainerClient('copies');
  await container.create();
}, 60_000);

afterAll(async () => {
  await fixture?.stop();
});

async function newBlob(sizeBytes = 2 * MIB): Promise<PageBlobClient> {
  const blob = container.getPageBlobClient(randomUUID());
  await blob.create(sizeBytes);
  return blob;
}

function readUrl(blob: PageBlobClient): Promise<string> {
  return blob.generateSasUrl({
    permissions: BlobSASPermissions.parse('r'),
    expiresOn: new Date(Date.now() + 600_000),
  });
}

describe('Put Page From URL', () => {
  it('reads a range of another page blob, at another offset', async () => {
    const data = randomBytes(MIB);
    const source = await newBlob();
    await source.uploadPages(data, 512, MIB);
    const target = await newBlob();
    const url = await readUrl(source);
    const written = await target.uploadPagesFromURL(url, 1024, 4096, 2048);
    expect(written.etag).toBe((await target.getProperties()).etag);
    expect((await target.downloadToBuffer(4096, 2048)).equals(data.subarray(512, 2560))).toBe(true);
    const counters = fixture.storage.counters('west0', 'copies', target.name);
    expect(counters).toMatchObject({ putPageBytes: 0, putPageFromUrlBytes: 2048 });
  });

  it('checks the checksum of the source and keeps nothing when it is wrong', async () => {
    const data = randomBytes(4096);
    const source = await newBlob();
    await source.uploadPages(data, 0, 4096);
    const url = await readUrl(source);
    const target = await newBlob();
    const put = (options: Parameters<PageBlobClient['uploadPagesFromURL']>[4]) =>
      target.uploadPagesFromURL(url, 0, 0, 4096, options);
    expect(await refusal(put({ sourceContentMD5: new Uint8Array(16) }))).toBe('400 Md5Mismatch');
    expect(await refusal(put({ sourceContentCrc64: new Uint8Array(8) }))).toBe('400 Crc64Mismatch');
    expect((await target.getPageRanges()).pageRange).toEqual([]);
    await put({ sourceContentMD5: createHash('md5').update(data).digest() });
    await put({ sourceContentCrc64: Buffer.from(crc64(data), 'base64') });
    expect((await target.downloadToBuffer(0, 4096)).equals(data)).toBe(true);
  });

  it('keeps the conditions of the source and of the target', async () => {
    const source = await newBlob();
    const target = await newBlob();
    const url = await readUrl(source);
    const put = (options: Parameters<PageBlobClient['uploadPagesFromURL']>[4]) =>
      target.uploadPagesFromURL(url, 0, 0, 512, options);
    expect(await refusal(put({ sourceConditions: { ifMatch: '"0x1"' } }))).toBe(
      '412 SourceConditionNotMet',
    );
    expect(await refusal(put({ conditions: { ifMatch: '"0x1"' } }))).toBe('412 ConditionNotMet');
    const { leaseId } = await target.getBlobLeaseClient().acquireLease(-1);
    expect(await refusal(put({}))).toBe('412 LeaseIdMissing');
    await put(leaseId === undefined ? {} : { conditions: { leaseId } });
  });

  it('reads managed disks by their SAS, and block blobs', async () => {
    const store = createPageStore(MIB);
    store.write(0, Buffer.alloc(MIB, 9));
    const grant = fixture.disks.grantRead({
      region: NORTH,
      resourceId: '/snapshots/s1',
      image: store.snapshot(),
      familyId: 'f1',
      durationSeconds: 60,
      isSnapshot: true,
    });
    const target = await newBlob();
    await target.uploadPagesFromURL(grant.accessSas, 0, 0, MIB);
    expect((await target.downloadToBuffer(0, MIB)).equals(Buffer.alloc(MIB, 9))).toBe(true);
    fixture.disks.revoke(grant.grantId);
    expect(await refusal(target.uploadPagesFromURL(grant.accessSas, 0, 0, 512))).toBe(
      '403 CannotVerifyCopySource',
    );
    const block = container.getBlockBlobClient('block-source');
    await block.upload(Buffer.alloc(1024, 5), 1024);
    const blockUrl = await block.generateSasUrl({
      permissions: BlobSASPermissions.parse('r'),
      expiresOn: new Date(Date.now() + 600_000),
    });
    await target.uploadPagesFromURL(blockUrl, 512, 0, 512);
    expect((await target.downloadToBuffer(0, 512)).equals(Buffer.alloc(512, 5))).toBe(true);
  });

  it('refuses sources that may not be read, and ranges that do not fit', async () => {
    const source = await newBlob(MIB);
    const target = await newBlob();
    const url = await readUrl(source);
    expect(await refusal(target.uploadPagesFromURL(source.url, 0, 0, 512))).toBe(
      '401 CannotVerifyCopySource',
    );
    expect(
      await refusal(target.uploadPagesFromURL(url.replace(/sig=.../, 'sig=AAA'), 0, 0, 512)),
    ).toBe('403 CannotVerifyCopySource');
    expect(await refusal(target.uploadPagesFromURL(url, MIB, 0, 512))).toBe(
      '416 CannotVerifyCopySource',
    );
    expect(await refusal(target.uploadPagesFromURL(url, 0, 0, 1000))).toBe('416 InvalidPageRange');
    expect(await refusal(target.uploadPagesFromURL(url, 0, 0, 4 * MIB + 512))).toMatch(/^41[36] /);
    expect(await refusal(target.uploadPagesFromURL('http://nowhere', 0, 0, 512))).toBe(
      '400 InvalidHeaderValue',
    );
  });

  it('takes a bearer token for the source', async () => {
    const source = await newBlob();
    await source.uploadPages(Buffer.alloc(512, 3), 0, 512);
    const target = await newBlob();
    const token = await fixture.credential.getToken('');
    await target.uploadPagesFromURL(source.url, 0, 0, 512, {
      sourceAuthorization: { scheme: 'Bearer', value: token?.token ?? '' },
    });
    expect((await target.downloadToBuffer(0, 512)).equals(Buffer.alloc(512, 3))).toBe(true);
  });
});

describe('Copy Blob', () => {
  it('makes a new page blob of a snapshot, with the metadata of either', async () => {
    const source = await newBlob();
    await source.setMetadata({ from: 'source' });
    await source.uploadPages(Buffer.alloc(512, 1), 0, 512);
    const { snapshot = '' } = await source.createSnapshot();
    await source.uploadPages(Buffer.alloc(512, 2), 0, 512);
    const target = container.getPageBlobClient(randomUUID());
    const started = await target.beginCopyFromURL(source.withSnapshot(snapshot).url);
    const done = await started.pollUntilDone();
    expect(done.copyStatus).toBe('success');
    const properties = await target.getProperties();
    expect(properties).toMatchObject({
      copyId: done.copyId,
      copyStatus: 'success',
      copyProgress: `${2 * MIB}/${2 * MIB}`,
      metadata: { from: 'source' },
      contentLength: 2 * MIB,
    });
    expect((await target.downloadToBuffer(0, 512)).equals(Buffer.alloc(512, 1))).toBe(true);
    await target.uploadPages(Buffer.alloc(512, 7), 0, 512);
    expect((await source.downloadToBuffer(0, 512)).equals(Buffer.alloc(512, 2))).toBe(true);
    expect(await refusal(target.abortCopyFromURL(done.copyId ?? ''))).toBe(
      '409 NoPendingCopyOperation',
    );
  });

  it('puts a snapshot over its base and keeps the other snapshots', async () => {
    const blob = await newBlob();
    await blob.uploadPages(Buffer.alloc(512, 1), 0, 512);
    const { snapshot: first = '' } = await blob.createSnapshot();
    await blob.uploadPages(Buffer.alloc(512, 2), 0, 512);
    const { snapshot: second = '' } = await blob.createSnapshot();
    await (await blob.beginCopyFromURL(blob.withSnapshot(first).url)).pollUntilDone();
    const firstByte = async (view: PageBlobClient) => (await view.downloadToBuffer(0, 1))[0];
    expect(await firstByte(blob)).toBe(1);
    expect(await firstByte(blob.withSnapshot(second))).toBe(2);
    const { leaseId = '' } = await blob.getBlobLeaseClient().acquireLease(-1);
    const again = (options: Parameters<PageBlobClient['beginCopyFromURL']>[1]) =>
      blob.beginCopyFromURL(blob.withSnapshot(first).url, options);
    expect(await refusal(again({}))).toBe('412 LeaseIdMissing');
    await again({ conditions: { leaseId } });
  });

  it('copies a managed disk with its footer by SAS', async () => {
    const store = createPageStore(MIB);
    store.write(4096, Buffer.alloc(512, 9));
    const { accessSas } = fixture.disks.grantRead({
      region: WEST,
      resourceId: '/disks/d1',
      image: store.snapshot(),
      familyId: 'd1',
      durationSeconds: 60,
      isSnapshot: false,
    });
    const target = container.getPageBlobClient(randomUUID());
    const poller = await target.beginCopyFromURL(accessSas, { intervalInMs: 50 });
    expect((await target.getProperties()).copyStatus).toBe('pending');
    expect(await refusal(target.uploadPages(Buffer.alloc(512), 0, 512))).toBe(
      '409 PendingCopyOperation',
    );
    expect((await poller.pollUntilDone()).copyStatus).toBe('success');
    const whole = await target.downloadToBuffer();
    expect(whole.length).toBe(MIB + 512);
    expect(whole.toString('latin1', MIB, MIB + 8)).toBe('conectix');
    expect((await target.getProperties()).copySource).not.toContain('sig=');
    const aborted = container.getPageBlobClient(randomUUID());
    await aborted.beginCopyFromURL(accessSas);
    const { copyId = '' } = await aborted.getProperties();
    expect(await refusal(aborted.abortCopyFromURL(randomUUID()))).toBe('409 CopyIdMismatch');
    await aborted.abortCopyFromURL(copyId);
    expect((await aborted.getProperties()).contentLength).toBe(0);
  });

  it('leaves block blobs to the other side', async () => {
    const block = container.getBlockBlobClient('to-copy');
    await block.upload('hello', 5);
    const copy = container.getBlockBlobClient('copied');
    await (await copy.beginCopyFromURL(block.url)).pollUntilDone();
    expect((await copy.downloadToBuffer()).toString()).toBe('hello');
  });

  it('does not reach a source in a region that is off', async () => {
    const store = createPageStore(MIB);
    const { accessSas } = fixture.disks.grantRead({
      region: NORTH,
      resourceId: '/disks/d2',
      image: store.snapshot(),
      familyId: 'd2',
      durationSeconds: 60,
      isSnapshot: false,
    });
    const target = await newBlob();
    fixture.regionSwitch.turnOff(NORTH);
    try {
      expect(await refusal(target.uploadPagesFromURL(accessSas, 0, 0, 512))).toBe(
        '500 CannotVerifyCopySource',
      );
    } finally {
      fixture.regionSwitch.turnOn(NORTH);
    }
    await target.uploadPagesFromURL(accessSas, 0, 0, 512);
  });
});
