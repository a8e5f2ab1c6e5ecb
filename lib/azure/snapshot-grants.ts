import type { PageBlobClient } from '@azure/storage-blob';
import type { Clock } from '../time/clock.ts';

/** Read access to one managed snapshot. The URL is a secret. */
export interface Grant {
  readonly url: string;
  readonly client: PageBlobClient;
  readonly expiresAtMs: number;
}

/** Grants in memory, one for each snapshot, shared by all who read it in this process. */
export interface SnapshotGrants {
  get(snapshotId: string): Promise<Grant>;
  /** Another grant than the one of `refusedUrl`. Of many who ask at once, one mints. */
  renew(snapshotId: string, refusedUrl: string): Promise<Grant>;
  end(snapshotId: string): Promise<void>;
}

export function createSnapshotGrants(options: {
  readonly mint: (snapshotId: string) => Promise<Grant>;
  readonly revoke: (snapshotId: string) => Promise<void>;
  readonly clock: Clock;
}): SnapshotGrants {
  const { mint, revoke, clock } = options;
  const known = new Map<string, Promise<Grant>>();
  const keyOf = (snapshotId: string): string => snapshotId.toLowerCase();

  const remember = (key: string, minting: Promise<Grant>): Promise<Grant> => {
    known.set(key, minting);
    minting.catch(() => {
      if (known.get(key) === minting) known.delete(key);
    });
    return minting;
  };

  /** Azure may answer a second request with the same URL: then access is ended first. */
  const mintAnother = async (snapshotId: string, refusedUrl: string): Promise<Grant> => {
    const another = await mint(snapshotId);
    if (another.url !== refusedUrl) return another;
    await revoke(snapshotId);
    return mint(snapshotId);
  };

  const get = async (snapshotId: string): Promise<Grant> => {
    const held = known.get(keyOf(snapshotId));
    if (held === undefined) return remember(keyOf(snapshotId), mint(snapshotId));
    const grant = await held;
    if (clock.now().getTime() < grant.expiresAtMs) return grant;
    return renew(snapshotId, grant.url);
  };

  const renew = async (snapshotId: string, refusedUrl: string): Promise<Grant> => {
    const key = keyOf(snapshotId);
    const held = known.get(key);
    const grant = await held?.catch(() => undefined);
    if (known.get(key) !== held) return get(snapshotId);
    if (grant !== undefined && grant.url !== refusedUrl) return grant;
    return remember(key, mintAnother(snapshotId, refusedUrl));
  };

  return {
    get,
    renew,
    async end(snapshotId) {
      known.delete(keyOf(snapshotId));
      await revoke(snapshotId);
    },
  };
}
