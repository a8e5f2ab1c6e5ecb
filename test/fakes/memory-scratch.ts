import { BackupError } from '../../lib/errors.ts';
import type { ScratchCopy, ScratchStore } from '../../lib/ports/scratch-store.ts';

export interface MemoryScratch extends ScratchStore {
  readonly blobs: Map<string, { readonly source: string; looksLeft: number }>;
  /** How often a copy is seen as going on before it is there. */
  looksUntilCopied: number;
  /** The next copies end as failed. */
  failures: number;
}

export const createMemoryScratch = (
  hasSnapshot: (blobPath: string, blobSnapshot: string) => boolean,
): MemoryScratch => {
  const blobs = new Map<string, { readonly source: string; looksLeft: number }>();
  const look = (name: string): ScratchCopy | undefined => {
    const blob = blobs.get(name);
    if (blob === undefined) return undefined;
    if (scratch.failures > 0) {
      scratch.failures -= 1;
      return { state: 'failed', reason: '500 InternalError' };
    }
    if (blob.looksLeft > 0) {
      blob.looksLeft -= 1;
      return { state: 'copying', copiedBytes: 1, totalBytes: 2 };
    }
    const url = `https://replica.example/lockstep-scratch/${name}?source=${blob.source}`;
    return { state: 'copied', url, storageAccountId: '/replica-account' };
  };
  const scratch: MemoryScratch = {
    blobs,
    looksUntilCopied: 2,
    failures: 0,
    resourceIdOf: (name) => `replica/lockstep-scratch/${name}`,
    async copyFromSnapshot(name, { blobPath, blobSnapshot }) {
      if (!hasSnapshot(blobPath, blobSnapshot)) {
        throw new BackupError('BlobSnapshotMissing', `${blobPath} lacks ${blobSnapshot}`);
      }
      if (!blobs.has(name)) {
        const source = `${blobPath}@${blobSnapshot}`;
        blobs.set(name, { source, looksLeft: scratch.looksUntilCopied });
      }
      const copy = look(name);
      if (copy === undefined) throw new Error('the blob was just made');
      return copy;
    },
    inspect: async (name) => look(name),
    remove: async (name) => void blobs.delete(name),
  };
  return scratch;
};
