import { uuidOfText } from '../digest/uuid-of-text.ts';
import type { ManifestAddress } from '../ports/manifest-store.ts';
import type { RestoreOrigin } from './restore-plan.ts';
import type { RestorePorts } from './restore-ports.ts';

/** Azure leases last 15 to 60 s, or for ever (REST: Lease Blob). Every step takes this one again. */
const LEASE_SECONDS = 60;

/**
 * The lease that restores of a point hold, as a UUID. Derived from the point, so that several restores
 * of it hold it together, every step anew, while expiry, with a lease of its own, is kept out.
 */
const restoreLeaseId = ({ vmKey, pointId }: ManifestAddress): string =>
  uuidOfText(`restore\n${vmKey}\n${pointId}`);

/**
 * Holds the replica's manifest, so that expiry cannot take the point away. Does nothing
 * for the primary. Throws a `ConflictError` while somebody else holds it.
 */
export const holdManifest = async (ports: RestorePorts, origin: RestoreOrigin): Promise<void> => {
  if (origin.target === undefined) return;
  await ports.targets
    .find(origin.target)
    ?.manifests.lease(origin, restoreLeaseId(origin), LEASE_SECONDS);
};

export const releaseManifest = async (
  ports: RestorePorts,
  origin: RestoreOrigin,
): Promise<void> => {
  if (origin.target === undefined) return;
  await ports.targets.find(origin.target)?.manifests.release(origin, restoreLeaseId(origin));
};
