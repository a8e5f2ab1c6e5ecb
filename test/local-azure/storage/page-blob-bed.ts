import { BlobServiceClient, type ContainerClient, type PageBlobClient } from '@azure/storage-blob';
import { type StorageFixture, startStorage } from './storage-fixture.ts';

/** What the tests of page blobs work on: one container, and blobs of names of their own. */
export interface PageBlobBed {
  readonly fixture: StorageFixture;
  readonly container: ContainerClient;
  /** An empty blob; 8 MiB where nothing else is said. */
  newBlob(sizeBytes?: number): Promise<PageBlobClient>;
}

/** The fixture's account for a client that tries each request once. */
export const blobServiceOf = ({ account }: StorageFixture): BlobServiceClient =>
  BlobServiceClient.fromConnectionString(account.connectionString, {
    retryOptions: { maxTries: 1 },
  });

export async function startPageBlobBed(): Promise<PageBlobBed> {
  const fixture = await startStorage();
  const container = blobServiceOf(fixture).getContainerClient('pages');
  await container.create();
  let number = 0;
  return {
    fixture,
    container,
    async newBlob(sizeBytes = 8 * 2 ** 20) {
      number += 1;
      const blob = container.getPageBlobClient(`blob-${number}`);
      await blob.create(sizeBytes);
      return blob;
    },
  };
}

/** `write first-last` or `clear first-last` of each range, as the service lists them. */
export async function rangesOf(blob: PageBlobClient, previous?: string): Promise<string[]> {
  const ranges: string[] = [];
  const found =
    previous === undefined ? blob.listPageRanges() : blob.listPageRangesDiff(0, 2 ** 40, previous);
  for await (const { start, end, isClear } of found) {
    ranges.push(`${isClear === true ? 'clear' : 'write'} ${start}-${end}`);
  }
  return ranges;
}
