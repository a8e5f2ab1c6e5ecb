import type { ContainerClient } from '@azure/storage-blob';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blobServiceOf } from './page-blob-bed.ts';
import type { StorageFixture } from './storage-fixture.ts';
import { NORTH, startStorage, WEST } from './storage-fixture.ts';
import { createVhdFooter } from './vhd-footer.ts';

const MIB = 2 ** 20;
let fixture: StorageFixture;
let service: BlobServiceClient;
let number = 0;

beforeAll(async () => {
  fixture = await startStorage({ regions: [WEST, NORTH] });
  service = blobServiceOf(fixture);
}, 60_000);

afterAll(async () => {
  await fixture?.stop();
  expect(fixture?.failures).toEqual([]);
});

async function newContainer(): Promise<ContainerClient> {
  number += 1;
  const container = service.getContainerClient(`container-${number}`);
  await container.create();
  return container;
}

describe('what ARM and the evidence see', () => {
  it('imports a page blob that ends with a right VHD footer, in its own region', async () => {
    const container = await newContainer();
    const blob = container.getPageBlobClient('disk.vhd');
    await blob.create(MIB + 512);
    await blob.uploadPages(Buffer.alloc(512, 3), 0, 512);
    const read = (url: string, region = WEST) => fixture.storage.readPageBlobForImport(url, region);
    expect(read(blob.url)).toEqual({ problem: expect.stringContaining('conectix') });
    await blob.uploadPages(createVhdFooter(MIB, 'x'), MIB, 512);
    const found = read(blob.url);
    if ('problem' in found) {
      throw new Error(found.problem);
    }
    expect(found.image.sizeBytes).toBe(MIB);
    expect(found.image.read(0, 512).equals(Buffer.alloc(512, 3))).toBe(true);
    expect(found.image.allocatedRanges()).toEqual([{ start: 0, end: 512 }]);
    expect(read(blob.url, NORTH)).toEqual({ problem: expect.stringContaining(WEST) });
    expect(read(`${blob.url}?snapshot=2026`)).toEqual({
      problem: expect.stringContaining('snapshot'),
    });
    expect(read(`${blob.url}x`)).toEqual({ problem: expect.stringContaining('no page blob') });
    expect(read('nonsense')).toHaveProperty('problem');
    expect(fixture.storage.accountRegion('north0')).toBe(NORTH);
    expect(fixture.storage.accountRegion('nobody')).toBe(undefined);
  });

  it('lists containers, blobs of every type, snapshots and leases', async () => {
    const container = await newContainer();
    const page = container.getPageBlobClient('page');
    await page.create(1024);
    const { snapshot } = await page.createSnapshot();
    await page.getBlobLeaseClient().acquireLease(-1);
    const append = container.getAppendBlobClient('append');
    await append.create();
    await append.getBlobLeaseClient().acquireLease(15);
    await container.getBlockBlobClient('pending').stageBlock('AAAA', 'x', 1);
    const { containerName } = container;
    const items = (await fixture.storage.inventory())
      .filter(({ path }) => path.split('/')[0] === containerName)
      .map(({ kind, path, sizeBytes, account, region }) => {
        expect([account, region]).toEqual(['west0', WEST]);
        return `${kind} ${path.slice(containerName.length)} ${sizeBytes ?? ''}`.trim();
      });
    expect(items.sort()).toEqual(
      [
        'container',
        'blob /append 0',
        'lease /append',
        'uncommitted-blob /pending 0',
        'blob /page 1024',
        `blob-snapshot /page?snapshot=${snapshot} 1024`,
        'lease /page',
      ].sort(),
    );
  });

  it('reports what was written to every page blob', async () => {
    const container = await newContainer();
    const blob = container.getPageBlobClient('counted');
    await blob.create(MIB);
    await blob.uploadPages(Buffer.alloc(1024), 0, 1024);
    await blob.clearPages(0, 512);
    const { snapshot } = await blob.createSnapshot();
    const found = fixture.storage
      .pageBlobs()
      .find((report) => report.container === container.containerName);
    expect(found).toEqual({
      account: 'west0',
      region: WEST,
      container: container.containerName,
      blob: 'counted',
      sizeBytes: MIB,
      allocatedBytes: 512,
      snapshots: [snapshot],
      putPageBytes: 1024,
      putPageFromUrlBytes: 0,
      requests: 3,
    });
  });

  it('damages one byte of one snapshot and shows it in no difference', async () => {
    const container = await newContainer();
    const blob = container.getPageBlobClient('victim');
    await blob.create(MIB);
    await blob.uploadPages(Buffer.alloc(1024, 1), 0, 1024);
    const { snapshot: first = '' } = await blob.createSnapshot();
    const { snapshot: second = '' } = await blob.createSnapshot();
    const { containerName } = container;
    const etag = (await blob.withSnapshot(first).getProperties()).etag;
    fixture.storage.damageByte('west0', containerName, 'victim', first, 700);
    const byte = async (view: typeof blob) => (await view.downloadToBuffer(700, 1))[0];
    expect(await byte(blob.withSnapshot(first))).toBe(0xfe);
    expect(await byte(blob.withSnapshot(second))).toBe(1);
    expect(await byte(blob)).toBe(1);
    expect((await blob.withSnapshot(first).getProperties()).etag).toBe(etag);
    const diff = await blob.withSnapshot(second).listPageRangesDiff(0, MIB, first).next();
    expect(diff.done).toBe(true);
    fixture.storage.damageByte('west0', containerName, 'victim', undefined, 0);
    expect((await blob.downloadToBuffer(0, 1))[0]).toBe(0xfe);
    const image = fixture.storage.pageImage('west0', containerName, 'victim', second);
    expect(image.read(0, 1)[0]).toBe(1);
    expect(() => fixture.storage.pageImage('west0', containerName, 'nobody')).toThrow(RangeError);
  });

  it('goes dark with its region', async () => {
    const north = fixture.storage.accounts.find(({ region }) => region === NORTH);
    const client = BlobServiceClient.fromConnectionString(north?.connectionString ?? '', {
      retryOptions: { maxTries: 1 },
    });
    const container = client.getContainerClient('there');
    await container.create();
    fixture.regionSwitch.turnOff(NORTH);
    const error = await container.getProperties().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: expect.stringMatching(/ECONNRESET|EPIPE|REQUEST_SEND_ERROR/),
    });
    fixture.regionSwitch.turnOn(NORTH);
    await container.getProperties();
  });
});
