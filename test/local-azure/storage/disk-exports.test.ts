import { randomBytes } from 'node:crypto';
import { AnonymousCredential, PageBlobClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PageImage } from '../contracts.ts';
import { createPageStore } from '../pages/page-store.ts';
import { refusal } from './refusal.ts';
import type { DiskFixture } from './storage-fixture.ts';
import { startDisks, WEST } from './storage-fixture.ts';
import { createVhdFooter, findVhdProblem } from './vhd-footer.ts';

const MIB = 2 ** 20;
let fixture: DiskFixture;

beforeAll(async () => {
  fixture = await startDisks();
});

afterAll(async () => {
  await fixture?.stop();
});

function grant(
  image: PageImage,
  options: { familyId?: string; resourceId?: string; durationSeconds?: number } = {},
): { grantId: string; url: string; client: PageBlobClient } {
  const { grantId, accessSas } = fixture.disks.grantRead({
    region: WEST,
    resourceId: '/snapshots/a',
    familyId: 'family',
    durationSeconds: 60,
    isSnapshot: true,
    image,
    ...options,
  });
  return { grantId, url: accessSas, client: clientOf(accessSas) };
}

function clientOf(url: string): PageBlobClient {
  return new PageBlobClient(url, new AnonymousCredential(), { retryOptions: { maxTries: 1 } });
}

/** Inclusive ends, from the counts of the client, which are one short. */
async function differences(current: PageBlobClient, previousUrl: string, sizeBytes: number) {
  const { pageRange = [], clearRange = [] } = await current.getPageRangesDiffForManagedDisks(
    0,
    sizeBytes,
    previousUrl,
  );
  const show = (kind: string) => (range: { offset: number; count?: number }) =>
    `${kind} ${range.offset}-${range.offset + (range.count ?? 0)}`;
  return [...pageRange.map(show('write')), ...clearRange.map(show('clear'))];
}

describe('read access to managed disks', () => {
  it('serves the content and behind it a fixed VHD footer', async () => {
    const store = createPageStore(2 * MIB);
    const data = randomBytes(1024);
    store.write(4096, data);
    const { client, url } = grant(store.snapshot());
    expect(url).toMatch(
      /^https:\/\/127\.0\.0\.1:\d+\/md-\w+\/\w+\/abcd\?snapshot=[^&]+&sv=2018-03-28&sr=b&si=[0-9a-f-]{36}&sig=[^&]+$/,
    );
    expect(await client.getProperties()).toMatchObject({
      contentLength: 2 * MIB + 512,
      blobType: 'PageBlob',
    });
    const whole = await client.downloadToBuffer();
    expect(whole.subarray(0, 2 * MIB).equals(store.read(0, 2 * MIB))).toBe(true);
    expect(
      findVhdProblem({ sizeBytes: whole.length, read: (at, n) => whole.subarray(at, at + n) }),
    ).toBe(undefined);
    const { pageRange } = await client.getPageRanges();
    expect(pageRange).toEqual([
      { offset: 4096, count: 1023 },
      { offset: 2 * MIB, count: 511 },
    ]);
    expect((await client.downloadToBuffer(5000, 100)).equals(data.subarray(904, 1004))).toBe(true);
  });

  it('ends with revoke, with time, and with any change of the URL', async () => {
    const image = createPageStore(MIB).snapshot();
    const { grantId, client, url } = grant(image);
    for (const forged of [
      url.replace(/sig=../, 'sig=AA'),
      url.replace(/si=..../, 'si=0000'),
      url.replace(/snapshot=[^&]*&/, ''),
      url.replace('/abcd', '/abce'),
      url.replace('sr=b', 'sr=c'),
    ]) {
      expect(await refusal(clientOf(forged).getProperties())).toBe('403 AuthenticationFailed');
    }
    expect(await refusal(client.uploadPages(Buffer.alloc(512), 0, 512))).toBe(
      '403 AuthorizationPermissionMismatch',
    );
    expect(fixture.disks.open()).toContainEqual({ grantId, resourceId: '/snapshots/a' });
    fixture.disks.revoke(grantId);
    expect(await refusal(client.getProperties())).toBe('403 AuthenticationFailed');
    expect(fixture.disks.open()).not.toContainEqual({ grantId, resourceId: '/snapshots/a' });
    const past = grant(image, { durationSeconds: 0 });
    expect(await refusal(past.client.downloadToBuffer(0, 512))).toBe('403 AuthenticationFailed');
  });

  it('tells differences inside a family, in windows, with both SAS open', async () => {
    const store = createPageStore(MIB);
    store.write(0, Buffer.alloc(8192, 1));
    const first = grant(store.snapshot(), { resourceId: '/snapshots/1' });
    store.write(512, Buffer.alloc(512, 1));
    store.clear(4096, 1024);
    const second = grant(store.snapshot(), { resourceId: '/snapshots/2' });
    expect(await differences(second.client, first.url, MIB + 512)).toEqual([
      'write 512-1023',
      'clear 4096-5119',
    ]);
    expect(await differences(second.client, first.url, 1024)).toEqual(['write 512-1023']);
    expect(await refusal(differences(first.client, second.url, MIB))).toBe(
      '400 PreviousSnapshotCannotBeNewer',
    );
    const stranger = grant(createPageStore(MIB).snapshot(), { familyId: 'other' });
    expect(await refusal(differences(second.client, stranger.url, MIB))).toBe(
      '409 BlobGenerationMismatch',
    );
    fixture.disks.revoke(first.grantId);
    expect(await refusal(differences(second.client, first.url, MIB))).toBe(
      '403 AuthenticationFailed',
    );
    const diff = second.client.listPageRangesDiff(0, MIB, first.url);
    expect(await refusal(diff.next())).toBe('400 InvalidQueryParameterValue');
  });

  it('shows the old footer overwritten and the new one written after a resize', async () => {
    const store = createPageStore(MIB);
    const first = grant(store.snapshot());
    store.resize(2 * MIB);
    const second = grant(store.snapshot());
    expect(await differences(second.client, first.url, 2 * MIB + 512)).toEqual([
      `write ${2 * MIB}-${2 * MIB + 511}`,
      `clear ${MIB}-${MIB + 511}`,
    ]);
  });

  it('sends at most 10,000 ranges and a marker that leads to the rest', async () => {
    const store = createPageStore(16 * MIB);
    const before = grant(store.snapshot());
    for (let page = 0; page < 10_100; page++) {
      store.write(page * 1024, Buffer.alloc(512, 1));
    }
    const { client, url } = grant(store.snapshot());
    const first = await client.getPageRangesDiffForManagedDisks(0, 16 * MIB, before.url);
    expect(first.pageRange?.length).toBe(10_000);
    const marker = (first as { continuationToken?: string }).continuationToken ?? '';
    expect(marker).not.toBe('');
    const rest = await clientOf(
      `${url}&marker=${encodeURIComponent(marker)}`,
    ).getPageRangesDiffForManagedDisks(0, 16 * MIB, before.url);
    expect(rest.pageRange?.length).toBe(100);
    expect(rest.pageRange?.[0]?.offset).toBe(10_000 * 1024);
  });

  it('allows open access to five snapshots of a family', () => {
    const image = createPageStore(MIB).snapshot();
    const grants = ['1', '2', '3', '4', '5'].map((id) => {
      expect(fixture.disks.mayOpenSnapshot('five', id)).toBe(true);
      return grant(image, { familyId: 'five', resourceId: id });
    });
    expect(fixture.disks.mayOpenSnapshot('five', '6')).toBe(false);
    expect(fixture.disks.mayOpenSnapshot('five', '3')).toBe(true);
    expect(fixture.disks.mayOpenSnapshot('another', '6')).toBe(true);
    fixture.disks.revoke(grants[0]?.grantId ?? '');
    expect(fixture.disks.mayOpenSnapshot('five', '6')).toBe(true);
  });
});

describe('write access to a disk made for upload', () => {
  it('takes pages and clears and shows them at once', async () => {
    const store = createPageStore(MIB + 512);
    const { accessSas, grantId } = fixture.disks.grantWrite({
      region: WEST,
      resourceId: '/disks/up',
      store,
      durationSeconds: 60,
    });
    const client = clientOf(accessSas);
    expect((await client.getProperties()).contentLength).toBe(MIB + 512);
    await client.uploadPages(Buffer.alloc(1024, 5), 0, 1024);
    await client.clearPages(512, 512);
    const footer = createVhdFooter(MIB, 'x');
    await client.uploadPages(footer, MIB, 512);
    expect(store.allocatedRanges()).toEqual([
      { start: 0, end: 512 },
      { start: MIB, end: MIB + 512 },
    ]);
    expect(findVhdProblem(store.snapshot())).toBe(undefined);
    expect(await refusal(client.resize(2 * MIB))).toBe('403 AuthorizationPermissionMismatch');
    const source = createPageStore(MIB);
    source.write(4096, Buffer.alloc(512, 8));
    const { url } = grant(source.snapshot());
    await client.uploadPagesFromURL(url, 4096, 2048, 512);
    expect(store.read(2048, 512).equals(Buffer.alloc(512, 8))).toBe(true);
    expect(await refusal(client.uploadPagesFromURL(`${url}x`, 4096, 2048, 512))).toBe(
      '403 CannotVerifyCopySource',
    );
    fixture.disks.revoke(grantId);
    expect(await refusal(client.uploadPages(footer, 0, 512))).toBe('403 AuthenticationFailed');
  });
});

describe('createVhdFooter', () => {
  it('follows the specification byte by byte for a disk of 1 GiB', () => {
    const footer = createVhdFooter(2 ** 30, 'identity');
    expect(footer.toString('latin1', 0, 8)).toBe('conectix');
    expect(footer.toString('hex', 8, 24)).toBe('0000000200010000ffffffffffffffff');
    expect(footer.readBigUInt64BE(40)).toBe(2n ** 30n);
    expect(footer.readBigUInt64BE(48)).toBe(2n ** 30n);
    // 1 GiB: 2080 cylinders, 16 heads, 63 sectors, as qemu-img and VirtualBox write it.
    expect([footer.readUInt16BE(56), footer.readUInt8(58), footer.readUInt8(59)]).toEqual([
      2080, 16, 63,
    ]);
    expect(footer.readUInt32BE(60)).toBe(2);
    const sum = [...footer].reduce((total, byte) => total + byte, 0);
    const own = [...footer.subarray(64, 68)].reduce((total, byte) => total + byte, 0);
    expect(footer.readUInt32BE(64)).toBe(~(sum - own) >>> 0);
    expect(footer.subarray(85).equals(Buffer.alloc(427))).toBe(true);
  });

  it('is refused when any part of it is wrong', () => {
    const problemOf = (change: (footer: Buffer) => void, dataBytes = MIB) => {
      const store = createPageStore(dataBytes + 512);
      const footer = createVhdFooter(dataBytes, 'x');
      change(footer);
      store.write(dataBytes, footer);
      return findVhdProblem(store.snapshot());
    };
    expect(problemOf(() => undefined)).toBe(undefined);
    expect(problemOf((footer) => footer.write('conectiX', 0))).toMatch(/cookie/);
    expect(problemOf((footer) => footer.writeUInt8(1, 200))).toMatch(/checksum/);
    expect(problemOf(() => undefined, MIB + 512)).toMatch(/whole number/);
    expect(findVhdProblem(createPageStore(512).snapshot())).toMatch(/no room/);
  });
});
