import type { Manifest } from '../catalog/manifest.ts';
import { comparePointsNewestFirst } from '../catalog/point-order.ts';
import type { KnownVm } from '../catalog/run.ts';
import { manifestPath } from '../catalog/storage-layout.ts';
import { BackupError, ConflictError, MalformedDataError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { ManifestAddress } from '../ports/manifest-store.ts';
import { missingBlobSnapshots } from './gather-copies.ts';
import type { RestorePorts, RestoreTarget } from './restore-ports.ts';

export interface RebuildCatalogInput {
  /** Absent: every target. */
  readonly target?: string;
}

/** A manifest whose point is not listed. */
export interface NotListed {
  readonly target: string;
  /** Path of the manifest in the target's container. */
  readonly path: string;
  readonly errorCode: 'ManifestCorrupt' | 'BlobSnapshotMissing';
  readonly message: string;
}

export interface RebuiltCatalog {
  /** Points of the targets that the catalog lists now. */
  readonly points: number;
  /** Of these, listed for the first time. */
  readonly added: number;
  readonly notListed: readonly NotListed[];
}

/** Written by every rebuild that ended well; ISO time. */
export const REBUILT_FACT = 'catalogRebuiltAtUtc';
/** More would not fit an activity's answer; the count stays right. */
const MOST_REPORTED = 50;
const READERS = 8;
/** An activity lasts at most about five minutes; what is listed by then is known the next time. */
const TIME_BUDGET_MS = 240_000;

type RebuildPorts = Pick<RestorePorts, 'catalog' | 'targets' | 'clock' | 'events'>;
type Listing = 'known' | 'added' | NotListed;

/** Rows that exist stay as they are: they may know more than the manifest. */
const createIfAbsent = async (create: () => Promise<void>): Promise<void> => {
  try {
    await create();
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
  }
};

const listVm = async (ports: RebuildPorts, manifest: Manifest): Promise<void> => {
  const { point } = manifest;
  const seen: KnownVm = {
    vmKey: point.vmKey,
    vmId: point.vmId,
    name: point.vmName,
    region: point.region,
    lastSeenUtc: point.createdAtUtc,
  };
  const known = await ports.catalog.getVm(point.vmKey);
  if (known === undefined || known.lastSeenUtc < seen.lastSeenUtc) await ports.catalog.putVm(seen);
};

const listManifest = async (
  ports: RebuildPorts,
  target: RestoreTarget,
  address: ManifestAddress,
): Promise<Listing | undefined> => {
  const path = manifestPath(address.vmKey, address.pointId);
  const notListed = (errorCode: NotListed['errorCode'], message: string): NotListed => ({
    target: target.name,
    path,
    errorCode,
    message,
  });
  let manifest: Manifest | undefined;
  try {
    manifest = await target.manifests.read(address);
  } catch (error) {
    if (!(error instanceof MalformedDataError)) throw error;
    return notListed('ManifestCorrupt', error.message);
  }
  // Deleted since it was listed.
  if (manifest === undefined) return undefined;
  const { point } = manifest;
  if (point.vmKey !== address.vmKey || point.pointId !== address.pointId) {
    return notListed('ManifestCorrupt', `Manifest ${path} is of point ${point.pointId}.`);
  }
  const missing = await missingBlobSnapshots(target, manifest);
  if (missing.length > 0) {
    return notListed(
      'BlobSnapshotMissing',
      `Point ${point.pointId} lacks the blob snapshots of ${missing.join(', ')}.`,
    );
  }
  await listVm(ports, manifest);
  await createIfAbsent(() => ports.catalog.createPoint(point));
  // The copy comes last: a restore looks for it, and the next rebuild passes over what has one.
  await createIfAbsent(() =>
    ports.catalog.createCopy({
      formatVersion: 1,
      vmKey: point.vmKey,
      pointId: point.pointId,
      copy: target.name,
      state: 'sealed',
      updatedAtUtc: manifest.sealedAtUtc,
      manifestPath: path,
      copiedBytes: manifest.disks.reduce((sum, disk) => sum + disk.copiedBytes, 0),
    }),
  );
  return 'added';
};

const incomplete = (target: RestoreTarget): BackupError =>
  new BackupError(
    'RebuildIncomplete',
    `Replica '${target.name}' has more manifests than could be read at once; the next rebuild goes on.`,
    { target: target.name },
  );

const rebuildFrom = async (
  ports: RebuildPorts,
  target: RestoreTarget,
  endsAtMs: number,
): Promise<readonly Listing[]> => {
  const copies = await ports.catalog.listCopies({ copy: target.name });
  const known = new Set(copies.map((copy) => `${copy.vmKey}/${copy.pointId}`));
  const byVm = new Map<string, ManifestAddress[]>();
  for (const address of await target.manifests.list()) {
    const addresses = byVm.get(address.vmKey);
    if (addresses === undefined) byVm.set(address.vmKey, [address]);
    else addresses.push(address);
  }
  const vms = [...byVm.values()];
  const listings: Listing[] = [];
  // One reader for each VM at a time: its row is read and then written.
  const read = async (): Promise<void> => {
    for (let addresses = vms.pop(); addresses !== undefined; addresses = vms.pop()) {
      for (const address of addresses.sort(comparePointsNewestFirst)) {
        const isKnown = known.has(`${address.vmKey}/${address.pointId}`);
        if (!isKnown && ports.clock.monotonicMs() >= endsAtMs) throw incomplete(target);
        const listing = isKnown ? 'known' : await listManifest(ports, target, address);
        if (listing !== undefined) listings.push(listing);
      }
    }
  };
  await Promise.all(Array.from({ length: READERS }, read));
  return listings;
};

/**
 * Fills the catalog from the manifests in the replica containers. Lists only points whose blob
 * snapshots all exist; what it cannot list is reported, never fatal. May be repeated: rows that exist
 * are left as they are. Throws `RebuildIncomplete` when its time is up; called again, it goes on.
 */
export const rebuildCatalog = async (
  ports: RebuildPorts,
  input: RebuildCatalogInput,
): Promise<Outcome<RebuiltCatalog>> => {
  const names = input.target === undefined ? ports.targets.names : [input.target];
  const endsAtMs = ports.clock.monotonicMs() + TIME_BUDGET_MS;
  const listings: Listing[] = [];
  for (const name of names) {
    const target = ports.targets.find(name);
    if (target === undefined) {
      return refused(
        'TargetUnknown',
        `There is no replica target '${name}'. Configured: ${ports.targets.names.join(', ') || 'none'}.`,
        'target',
      );
    }
    listings.push(...(await rebuildFrom(ports, target, endsAtMs)));
  }
  const notListed = listings.filter((one): one is NotListed => typeof one === 'object');
  for (const one of notListed) ports.events.emit('PointNotListed', { ...one });
  await ports.catalog.putFact(REBUILT_FACT, ports.clock.now().toISOString());
  const result: RebuiltCatalog = {
    points: listings.length - notListed.length,
    added: listings.filter((one) => one === 'added').length,
    notListed: notListed.slice(0, MOST_REPORTED),
  };
  ports.events.emit('CatalogRebuilt', {
    points: result.points,
    added: result.added,
    notListed: notListed.length,
  });
  return done(result);
};
