import type { RestorePoint } from '../catalog/restore-point.ts';
import { BackupError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { CatalogStore, Versioned } from '../ports/catalog-store.ts';

export interface PointInput {
  readonly runId: string;
  readonly vmKey: string;
  readonly pointId: string;
}

/** The row of a point that this run is making. Refused once the point has been recorded or failed. */
export async function readPreparingPoint(
  catalog: CatalogStore,
  { runId, vmKey, pointId }: PointInput,
): Promise<Outcome<Versioned<RestorePoint>>> {
  const row = await catalog.getPoint(vmKey, pointId);
  if (row === undefined) {
    throw new BackupError('PointMissing', `The row of point ${pointId} is not to be found`, {
      target: pointId,
    });
  }
  if (row.value.runId !== runId || row.value.state !== 'preparing') {
    return refused(
      'PointNotPreparing',
      `Point ${pointId} is ${row.value.state}, or belongs to another run; it is left as it is.`,
      pointId,
    );
  }
  return done(row);
}

/**
 * As `readPreparingPoint`, and writes the row again as it is, before a new attempt ends the earlier
 * ones: its etag is another one from here on, so that nobody who read the row before can record a set
 * that this attempt ends. Throws a `ConflictError` when the row changed in between.
 */
export async function claimPreparingPoint(
  catalog: CatalogStore,
  input: PointInput,
): Promise<Outcome<Versioned<RestorePoint>>> {
  const row = await readPreparingPoint(catalog, input);
  return row.ok ? done(await catalog.updatePoint(row.value.value, row.value.etag)) : row;
}
