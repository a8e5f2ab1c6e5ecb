import type { LocalStorageService } from './storage/storage-service.ts';

/** A run without storage accounts: nothing is started, and every account asked for is missing. */
export function createNoStorage(): LocalStorageService {
  const missing = (account: string): never => {
    throw new RangeError(`no storage account ${account}: this run has none`);
  };
  return {
    accounts: [],
    accountRegion: () => undefined,
    readPageBlobForImport: (blobUrl) => ({
      problem: `The storage account of '${blobUrl.split('?')[0] ?? ''}' does not exist.`,
    }),
    inventory: () => Promise.resolve([]),
    pageBlobs: () => [],
    pageImage: missing,
    damageByte: missing,
    counters: missing,
    close: () => Promise.resolve(),
  };
}
