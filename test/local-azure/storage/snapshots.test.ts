import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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

describe('snapshots', () => {
  it('keep content, size and metadata while the base goes on', async () => {
    const blob = await bed.newBlob(MIB);
    await blob.setMetadata({ point: '1' });
    await blob.uploadPages(Buffer.alloc(512, 1), 0, 512);
    const { snapshot = '' } = await blob.createSnapshot({ metadata: { Point: '2' } });
    await blob.uploadPages(Buffer.alloc(512, 2), 0, 512);
    await blob.resize(2 * MIB);
    const view = blob.withSnapshot(snapshot);
    expect(snapshot).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
    expect((await view.downloadToBuffer(0, 512)).equals(Buffer.alloc(512, 1))).toBe(true);
    const properties = await view.getProperties();
    expect(properties).toMatchObject({ contentLength: MIB, metadata: { point: '2' } });
    expect(properties.leaseState).toBeUndefined();
    expect(await refusal(blob.delete())).toBe('409 SnapshotsPresent');
    expect(await refusal(view.uploadPages(Buffer.alloc(512), 0, 512))).toBe('400 InvalidOperation');
    await blob.delete({ deleteSnapshots: 'only' });
    expect(await refusal(view.getProperties())).toBe('404 BlobNotFound');
    await blob.createSnapshot();
    await blob.delete({ deleteSnapshots: 'include' });
    expect(await blob.exists()).toBe(false);
  });

  it('give true differences: rewritten pages as writes, cleared pages as clears', async () => {
    const blob = await bed.newBlob(MIB);
    await blob.uploadPages(Buffer.alloc(4096, 1), 0, 4096);
    const { snapshot: first = '' } = await blob.createSnapshot();
    await blob.uploadPages(Buffer.alloc(512, 1), 512, 512);
    await blob.clearPages(2048, 1024);
    await blob.uploadPages(Buffer.alloc(512, 3), 8192, 512);
    const { snapshot: second = '' } = await blob.createSnapshot();
    await blob.uploadPages(Buffer.alloc(512, 4), 0, 512);
    const middle = ['write 512-1023', 'clear 2048-3071', 'write 8192-8703'];
    expect(await rangesOf(blob.withSnapshot(second), first)).toEqual(middle);
    expect(await rangesOf(blob, first)).toEqual([
      'write 0-1023',
      'clear 2048-3071',
      'write 8192-8703',
    ]);
    expect(await rangesOf(blob, second)).toEqual(['write 0-511']);
    expect(await refusal(rangesOf(blob.withSnapshot(first), second))).toBe(
      '400 PreviousSnapshotCannotBeNewer',
    );
    expect(await refusal(rangesOf(blob, '2020-01-01T00:00:00.0000000Z'))).toBe(
      '409 PreviousSnapshotNotFound',
    );
    expect(await refusal(rangesOf(blob, 'https://127.0.0.1/md-1/x/abcd'))).toBe(
      '400 InvalidQueryParameterValue',
    );
    expect(
      await refusal(blob.getPageRangesDiffForManagedDisks(0, MIB, 'https://127.0.0.1/md-1/x/a')),
    ).toBe('400 UnsupportedHeaderForNonManagedDisksAccount');
  });

  it('page through many ranges with markers', async () => {
    const blob = await bed.newBlob(MIB);
    for (let page = 0; page < 7; page++) {
      await blob.uploadPages(Buffer.alloc(512, 1), page * 1024, 512);
    }
    const pages: number[] = [];
    for await (const page of blob.listPageRanges(512).byPage({ maxPageSize: 3 })) {
      pages.push(page.pageRange?.length ?? 0);
    }
    expect(pages).toEqual([3, 3]);
    const { snapshot = '' } = await blob.createSnapshot();
    await blob.uploadPages(Buffer.alloc(512, 2), 0, 512);
    await blob.clearPages(2048, 512);
    await blob.uploadPages(Buffer.alloc(512, 2), 4096, 512);
    const diffs: string[] = [];
    for await (const page of blob.listPageRangesDiff(0, MIB, snapshot).byPage({ maxPageSize: 1 })) {
      diffs.push(
        ...(page.pageRange ?? []).map(({ start }) => `write ${start}`),
        ...(page.clearRange ?? []).map(({ start }) => `clear ${start}`),
      );
    }
    expect(diffs).toEqual(['write 0', 'clear 2048', 'write 4096']);
  });

  it('cannot be compared across Put Blob and Copy Blob', async () => {
    const blob = await bed.newBlob(MIB);
    const { snapshot: first = '' } = await blob.createSnapshot();
    await blob.create(MIB);
    expect(await refusal(rangesOf(blob, first))).toBe('409 BlobOverwritten');
    const { snapshot: second = '' } = await blob.createSnapshot();
    const copy = await blob.beginCopyFromURL(blob.withSnapshot(first).url);
    expect((await copy.pollUntilDone()).copyStatus).toBe('success');
    expect(await refusal(rangesOf(blob, second))).toBe('409 BlobOverwritten');
  });
});
