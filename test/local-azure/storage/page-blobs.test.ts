import { createHash, randomBytes } from 'node:crypto';
import { BlobServiceClient, type PageBlobClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crc64 } from './crc64.ts';
import { type PageBlobBed, rangesOf, startPageBlobBed } from './page-blob-bed.ts';
import { refusal } from './refusal.ts';

const MIB = 2 ** 20;
let bed: PageBlobBed;

beforeAll(async () => {
  bed = await startPageBlobBed();
}, 60_000);

afterAll(async () => {
  await bed?.fixture.stop();
});

describe('page blobs', () => {
  it('writes, clears and reads pages', async () => {
    const blob = await bed.newBlob();
    const data = randomBytes(4 * MIB);
    await blob.uploadPages(data, 512, data.length);
    await blob.clearPages(1024, 512);
    const expected = Buffer.alloc(8 * MIB);
    data.copy(expected, 512);
    expected.fill(0, 1024, 1536);
    expect((await blob.downloadToBuffer()).equals(expected)).toBe(true);
    expect((await blob.downloadToBuffer(1000, 1000)).equals(expected.subarray(1000, 2000))).toBe(
      true,
    );
    expect(await rangesOf(blob)).toEqual(['write 512-1023', `write 1536-${4 * MIB + 511}`]);
    const counters = bed.fixture.storage.counters('west0', 'pages', blob.name);
    expect(counters).toMatchObject({ putPageBytes: 4 * MIB, putPageFromUrlBytes: 0 });
  });

  it('tells the size, type and sequence number', async () => {
    const blob = bed.container.getPageBlobClient('described');
    await blob.create(MIB, {
      blobSequenceNumber: 7,
      metadata: { team: 'red' },
      blobHTTPHeaders: { blobContentType: 'application/x-disk' },
    });
    const properties = await blob.getProperties();
    expect(properties).toMatchObject({
      contentLength: MIB,
      blobType: 'PageBlob',
      blobSequenceNumber: 7,
      contentType: 'application/x-disk',
      leaseState: 'available',
      leaseStatus: 'unlocked',
      metadata: { team: 'red' },
      isServerEncrypted: true,
    });
    expect(properties.requestId).toMatch(/./);
    expect(properties.clientRequestId).toMatch(/./);
    expect(properties.createdOn).toBeInstanceOf(Date);
    expect((await blob.downloadToBuffer()).equals(Buffer.alloc(MIB))).toBe(true);
  });

  it('refuses sizes and ranges off the sector, outside, or over 4 MiB', async () => {
    const blob = await bed.newBlob(MIB);
    expect(await refusal(bed.container.getPageBlobClient('odd').create(100))).toBe(
      '400 InvalidHeaderValue',
    );
    expect(await refusal(bed.container.getPageBlobClient('big').create(8 * 2 ** 40 + 512))).toBe(
      '400 InvalidHeaderValue',
    );
    expect(await refusal(blob.uploadPages(Buffer.alloc(512), 100, 512))).toBe(
      '416 InvalidPageRange',
    );
    expect(await refusal(blob.uploadPages(Buffer.alloc(512), MIB, 512))).toBe(
      '416 InvalidPageRange',
    );
    expect(await refusal(blob.clearPages(0, 100))).toBe('416 InvalidPageRange');
    expect(await refusal(blob.uploadPages(Buffer.alloc(4 * MIB + 512), 0, 4 * MIB + 512))).toBe(
      '413 RequestBodyTooLarge',
    );
    expect(await refusal(blob.downloadToBuffer(MIB, 10))).toBe('416 InvalidRange');
    expect(await refusal(blob.resize(1000))).toBe('400 InvalidHeaderValue');
  });

  it('sends a large blob from one moment while it is written', async () => {
    const blob = await bed.newBlob(24 * MIB);
    for (let offset = 0; offset < 24 * MIB; offset += 4 * MIB) {
      await blob.uploadPages(Buffer.alloc(4 * MIB, 1), offset, 4 * MIB);
    }
    const download = await blob.download();
    await blob.uploadPages(Buffer.alloc(4 * MIB, 2), 20 * MIB, 4 * MIB);
    let lengthBytes = 0;
    for await (const part of download.readableStreamBody ?? []) {
      const bytes = part as Buffer;
      expect(bytes.every((byte) => byte === 1)).toBe(true);
      lengthBytes += bytes.length;
    }
    expect(lengthBytes).toBe(24 * MIB);
  });

  it('leases by the client: acquire, renew, change, release, break', async () => {
    const blob = await bed.newBlob(MIB);
    const lease = blob.getBlobLeaseClient();
    const { leaseId = '' } = await lease.acquireLease(15);
    const page = Buffer.alloc(512);
    expect(await blob.getProperties()).toMatchObject({
      leaseState: 'leased',
      leaseStatus: 'locked',
      leaseDuration: 'fixed',
    });
    expect(await refusal(blob.uploadPages(page, 0, 512))).toBe('412 LeaseIdMissing');
    expect(await refusal(blob.delete())).toBe('412 LeaseIdMissing');
    expect(await refusal(blob.getBlobLeaseClient().acquireLease(-1))).toBe(
      '409 LeaseAlreadyPresent',
    );
    expect((await lease.renewLease()).leaseId).toBe(leaseId);
    const changed = await lease.changeLease('33333333-3333-3333-3333-333333333333');
    await blob.uploadPages(page, 0, 512, { conditions: { leaseId: changed.leaseId ?? '' } });
    await lease.releaseLease();
    await blob.uploadPages(page, 0, 512);
    await lease.acquireLease(-1);
    expect((await blob.getBlobLeaseClient().breakLease(0)).leaseTime).toBe(0);
    expect((await blob.getProperties()).leaseState).toBe('broken');
    expect(await refusal(lease.acquireLease(5))).toBe('400 InvalidHeaderValue');
  });

  it('refuses what it does not understand instead of leaving it out', async () => {
    const tagged = bed.container.getPageBlobClient('tagged');
    expect(await refusal(tagged.create(512, { tags: { a: 'b' } }))).toBe('501 NotImplemented');
    const blob = await bed.newBlob(512);
    expect(await refusal(blob.setAccessTier('Cool'))).toBe('501 NotImplemented');
    expect(await refusal(blob.setMetadata({ 'bad-name': 'x' }))).toBe('400 InvalidMetadata');
    expect(await refusal(blob.setMetadata({ long: 'x'.repeat(9000) }))).toBe(
      '400 MetadataTooLarge',
    );
  });

  it('holds a blob of 8 TiB', async () => {
    const blob = await bed.newBlob(8 * 2 ** 40);
    await blob.uploadPages(Buffer.alloc(512, 1), 8 * 2 ** 40 - 512, 512);
    expect(await rangesOf(blob)).toEqual([`write ${8 * 2 ** 40 - 512}-${8 * 2 ** 40 - 1}`]);
  });

  it('checks MD5 and CRC-64 of the body and keeps nothing of a wrong one', async () => {
    const blob = await bed.newBlob(MIB);
    const data = randomBytes(1024);
    const md5 = createHash('md5').update(data).digest();
    const crc = Buffer.from(crc64(data), 'base64');
    const upload = (options: Parameters<PageBlobClient['uploadPages']>[3]) =>
      blob.uploadPages(data, 0, data.length, options);
    expect(await refusal(upload({ transactionalContentMD5: Buffer.alloc(16) }))).toBe(
      '400 Md5Mismatch',
    );
    expect(await refusal(upload({ transactionalContentCrc64: Buffer.alloc(8) }))).toBe(
      '400 Crc64Mismatch',
    );
    expect(await refusal(upload({ transactionalContentMD5: Buffer.alloc(3) }))).toBe(
      '400 InvalidMd5',
    );
    expect(await rangesOf(blob)).toEqual([]);
    const written = await upload({ transactionalContentMD5: md5 });
    expect(Buffer.from(written.contentMD5 ?? []).equals(md5)).toBe(true);
    const rewritten = await upload({ transactionalContentCrc64: crc });
    expect(Buffer.from(rewritten.xMsContentCrc64 ?? []).equals(crc)).toBe(true);
    const read = await blob.download(0, 1024, { rangeGetContentMD5: true });
    expect(Buffer.from(read.contentMD5 ?? []).equals(md5)).toBe(true);
  });

  it('changes ETag with every write and not with a lease or a plain snapshot', async () => {
    const blob = await bed.newBlob(MIB);
    const etags = new Set([(await blob.getProperties()).etag]);
    const note = async () => etags.add((await blob.getProperties()).etag);
    await blob.uploadPages(Buffer.alloc(512), 0, 512);
    await note();
    await blob.setMetadata({ a: 'b' });
    await note();
    await blob.resize(2 * MIB);
    await note();
    expect(etags.size).toBe(4);
    const before = (await blob.getProperties()).etag;
    await blob.getBlobLeaseClient().acquireLease(-1);
    const snapshot = await blob.createSnapshot();
    expect(snapshot.etag).toBe(before);
    expect((await blob.getProperties()).etag).toBe(before);
  });

  it('keeps conditions: reads 304 or 412, writes 412, creation 409', async () => {
    const blob = await bed.newBlob(MIB);
    const { etag = '', lastModified = new Date() } = await blob.getProperties();
    const page = Buffer.alloc(512);
    const put = (conditions: Parameters<PageBlobClient['uploadPages']>[3]) =>
      blob.uploadPages(page, 0, 512, conditions);
    expect(await refusal(blob.getProperties({ conditions: { ifNoneMatch: etag } }))).toBe(
      '304 ConditionNotMet',
    );
    expect(await refusal(blob.getProperties({ conditions: { ifMatch: '"0x1"' } }))).toBe(
      '412 ConditionNotMet',
    );
    expect(
      await refusal(blob.getProperties({ conditions: { ifModifiedSince: lastModified } })),
    ).toBe('304 ConditionNotMet');
    expect(await refusal(put({ conditions: { ifMatch: '"0x1"' } }))).toBe('412 ConditionNotMet');
    const longAgo = new Date(0);
    expect(await refusal(put({ conditions: { ifUnmodifiedSince: longAgo } }))).toBe(
      '412 ConditionNotMet',
    );
    expect(await refusal(blob.create(MIB, { conditions: { ifNoneMatch: '*' } }))).toBe(
      '409 BlobAlreadyExists',
    );
    const absent = bed.container.getPageBlobClient('absent');
    expect(await refusal(absent.create(MIB, { conditions: { ifMatch: '*' } }))).toBe(
      '412 ConditionNotMet',
    );
    await put({ conditions: { ifMatch: etag } });
  });

  it('keeps sequence numbers and their conditions', async () => {
    const blob = await bed.newBlob(MIB);
    expect((await blob.updateSequenceNumber('update', 5)).blobSequenceNumber).toBe(5);
    expect((await blob.updateSequenceNumber('max', 3)).blobSequenceNumber).toBe(5);
    expect((await blob.updateSequenceNumber('increment')).blobSequenceNumber).toBe(6);
    const page = Buffer.alloc(512);
    expect(
      await refusal(
        blob.uploadPages(page, 0, 512, { conditions: { ifSequenceNumberLessThan: 6 } }),
      ),
    ).toBe('412 SequenceNumberConditionNotMet');
    expect(
      await refusal(blob.uploadPages(page, 0, 512, { conditions: { ifSequenceNumberEqualTo: 5 } })),
    ).toBe('412 SequenceNumberConditionNotMet');
    await blob.uploadPages(page, 0, 512, {
      conditions: { ifSequenceNumberLessThanOrEqualTo: 6 },
    });
  });

  it('says what is missing', async () => {
    const missing = bed.container.getPageBlobClient('missing');
    const nowhere = bed.container
      .getPageBlobClient('x')
      .url.replace('/pages/', '/no-such-container/');
    expect(await refusal(missing.getProperties())).toBe('404 BlobNotFound');
    expect(await refusal(missing.uploadPages(Buffer.alloc(512), 0, 512))).toBe('404 BlobNotFound');
    expect(await refusal(missing.uploadPagesFromURL(`${nowhere}?sig=x`, 0, 0, 512))).toBe(
      '404 BlobNotFound',
    );
    const service = BlobServiceClient.fromConnectionString(bed.fixture.account.connectionString);
    const lost = service.getContainerClient('no-such-container').getPageBlobClient('x');
    expect(await refusal(lost.create(512))).toBe('404 ContainerNotFound');
    const blob = await bed.newBlob(512);
    expect(await refusal(blob.withSnapshot('2020-01-01T00:00:00.0000000Z').getProperties())).toBe(
      '404 BlobNotFound',
    );
  });

  it('does not mix blob types', async () => {
    const block = bed.container.getBlockBlobClient('a-block');
    await block.upload('hello', 5);
    expect(await refusal(bed.container.getPageBlobClient('a-block').create(512))).toBe(
      '409 InvalidBlobType',
    );
    expect(
      await refusal(
        bed.container.getPageBlobClient('a-block').uploadPages(Buffer.alloc(512), 0, 512),
      ),
    ).toBe('409 InvalidBlobType');
    const page = await bed.newBlob(512);
    expect(await refusal(bed.container.getBlockBlobClient(page.name).upload('hello', 5))).toBe(
      '409 InvalidBlobType',
    );
    expect(
      await refusal(bed.container.getAppendBlobClient(page.name).appendBlock('hello', 5)),
    ).toBe('409 InvalidBlobType');
  });
});
