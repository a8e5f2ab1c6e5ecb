import type { Manifest } from '../catalog/manifest.ts';
import { type PointCopy, PRIMARY_COPY } from '../catalog/point-copy.ts';
import type { RestorePoint } from '../catalog/restore-point.ts';
import { manifestPath } from '../catalog/storage-layout.ts';
import { MalformedDataError } from '../errors.ts';
import type { CopyFacts } from './restore-facts.ts';
import type { RestorePorts, RestoreTarget } from './restore-ports.ts';
import type { RestoreRequest } from './restore-request.ts';

type Problem = NonNullable<CopyFacts['problem']>;

const gatherPrimary = async (
  ports: RestorePorts,
  point: RestorePoint,
  row: PointCopy | undefined,
): Promise<CopyFacts | undefined> => {
  if (row === undefined) return undefined;
  const facts: CopyFacts = {
    copy: PRIMARY_COPY,
    region: point.region,
    state: row.state,
    ...(row.reason === undefined ? {} : { stateReason: row.reason }),
  };
  if (row.state !== 'sealed') return facts;
  const found = await Promise.all(
    point.disks.map(async (disk) => ({
      disk,
      snapshot:
        disk.snapshot === undefined
          ? undefined
          : await ports.disks.findSnapshot(disk.snapshot.snapshotId),
    })),
  );
  const missing = found.filter((one) => one.snapshot === undefined).map((one) => one.disk.name);
  if (missing.length === 0) return facts;
  return {
    ...facts,
    problem: {
      errorCode: 'CopyNotAvailable',
      message: `Point ${point.pointId}: the snapshots of ${missing.join(', ')} do not exist any more. Restore from a replica or another point.`,
    },
  };
};

/** Sealed blob snapshots that a manifest names and the container does not have, by blob path. */
export const missingBlobSnapshots = async (
  target: Pick<RestoreTarget, 'replicas'>,
  manifest: Manifest,
): Promise<readonly string[]> => {
  const missing: string[] = [];
  for (const disk of manifest.disks) {
    const chains = await target.replicas.listChains(manifest.point.vmKey, disk.diskKey);
    const snapshot = chains
      .find((chain) => chain.blobPath === disk.blobPath)
      ?.snapshots.find((one) => one.blobSnapshot === disk.blobSnapshot);
    const isThePoints =
      snapshot?.stamp === undefined || snapshot.stamp.pointId === manifest.point.pointId;
    if (snapshot === undefined || !isThePoints) missing.push(disk.blobPath);
  }
  return missing;
};

const inspectReplica = async (
  target: RestoreTarget,
  point: RestorePoint,
): Promise<{ readonly manifest: Manifest } | { readonly problem: Problem }> => {
  const path = manifestPath(point.vmKey, point.pointId);
  let manifest: Manifest | undefined;
  try {
    manifest = await target.manifests.read(point);
  } catch (error) {
    if (!(error instanceof MalformedDataError)) throw error;
    const message = `${error.message} Restore from another copy or point.`;
    return { problem: { errorCode: 'ManifestCorrupt', message } };
  }
  if (manifest === undefined) {
    const message = `Replica '${target.name}' of point ${point.pointId} has no manifest at ${path}: it is not sealed, or was deleted.`;
    return { problem: { errorCode: 'CopyNotAvailable', message } };
  }
  const missing = await missingBlobSnapshots(target, manifest);
  if (missing.length === 0) return { manifest };
  const message = `Replica '${target.name}' of point ${point.pointId} lacks the blob snapshots of ${missing.join(', ')}. Restore from another copy or point.`;
  return { problem: { errorCode: 'CopyNotAvailable', message } };
};

const gatherReplica = async (
  target: RestoreTarget,
  point: RestorePoint,
  row: PointCopy | undefined,
): Promise<CopyFacts | undefined> => {
  const state = row?.state ?? 'unlisted';
  const facts: CopyFacts = {
    copy: target.name,
    region: target.region,
    state,
    ...(row?.reason === undefined ? {} : { stateReason: row.reason }),
  };
  if (state !== 'sealed' && state !== 'unlisted') return facts;
  const inspected = await inspectReplica(target, point);
  // Without row and manifest this target simply has no copy of the point.
  if (
    row === undefined &&
    'problem' in inspected &&
    inspected.problem.errorCode !== 'ManifestCorrupt'
  )
    return undefined;
  return { ...facts, ...inspected };
};

/** Every copy of the point that the request may mean, as it is found now. */
export const gatherCopies = async (
  ports: RestorePorts,
  request: RestoreRequest,
  point: RestorePoint,
): Promise<readonly CopyFacts[]> => {
  const rows = await ports.catalog.listCopies({ vmKey: point.vmKey, pointId: point.pointId });
  const rowOf = (copy: string) => rows.find((row) => row.copy === copy);
  const facts: CopyFacts[] = [];
  if (request.source !== 'replica') {
    const primary = await gatherPrimary(ports, point, rowOf(PRIMARY_COPY));
    if (primary !== undefined) facts.push(primary);
  }
  if (request.source !== 'primary') {
    for (const name of ports.targets.names) {
      const target = ports.targets.find(name);
      if (target === undefined) continue;
      const replica = await gatherReplica(target, point, rowOf(name));
      if (replica !== undefined) facts.push(replica);
    }
  }
  return facts;
};
