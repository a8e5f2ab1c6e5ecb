import { BLOB_METADATA } from '../catalog/storage-layout.ts';
import type { ReplicaStamp } from '../ports/replica-store.ts';

const FORMAT = '1';

/** The stamp as blob metadata. */
export const metadataOf = (stamp: ReplicaStamp): Record<string, string> => ({
  [BLOB_METADATA.format]: FORMAT,
  [BLOB_METADATA.deployment]: stamp.deploymentId,
  [BLOB_METADATA.point]: stamp.pointId,
  [BLOB_METADATA.disk]: stamp.diskKey,
  [BLOB_METADATA.attempt]: stamp.attempt,
});

/** Undefined where the metadata is not ours. Some services give names back in another case. */
export const stampOf = (
  metadata: Readonly<Record<string, string>> | undefined,
): ReplicaStamp | undefined => {
  const values = new Map(
    Object.entries(metadata ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const deploymentId = values.get(BLOB_METADATA.deployment);
  const pointId = values.get(BLOB_METADATA.point);
  const diskKey = values.get(BLOB_METADATA.disk);
  const attempt = values.get(BLOB_METADATA.attempt);
  if (
    values.get(BLOB_METADATA.format) !== FORMAT ||
    deploymentId === undefined ||
    pointId === undefined ||
    diskKey === undefined ||
    attempt === undefined
  ) {
    return undefined;
  }
  return { deploymentId, pointId, diskKey, attempt };
};

/** Listings give ETags without the quotes that headers have. */
export const bareEtag = (etag: string | undefined): string => (etag ?? '').replace(/^"|"$/g, '');
