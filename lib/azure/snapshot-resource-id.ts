import { MalformedDataError } from '../errors.ts';

const SNAPSHOT_ID =
  /^\/?subscriptions\/[^/]+\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/snapshots\/([^/]+)$/i;

/** Group and name in the ARM id of a managed snapshot, in any case. */
export const resourceOf = (
  snapshotId: string,
): { readonly resourceGroup: string; readonly name: string } => {
  const [, resourceGroup, name] = SNAPSHOT_ID.exec(snapshotId) ?? [];
  if (resourceGroup === undefined || name === undefined) {
    throw new MalformedDataError(`'${snapshotId}' is not the id of a managed snapshot`, {
      target: 'snapshotId',
    });
  }
  return { resourceGroup, name };
};
