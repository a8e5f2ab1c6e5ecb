import { ConflictError } from '../errors.ts';
import { copyMayBecome, type PointCopy } from './point-copy.ts';
import { mayBecome, type RestorePoint } from './restore-point.ts';

/** JSON with the fields of every object in the order of their names. */
const orderedJson = (value: unknown): string =>
  JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );

/** Whether two values are the same once stored as JSON (absent and undefined are one). */
export const sameStoredValue = (a: unknown, b: unknown): boolean =>
  orderedJson(a) === orderedJson(b);

/**
 * Throws a `ConflictError` that names both states when a point must not change like this. While a
 * point is preparing its fields may still change; a recorded or failed one is fixed.
 */
export const assertPointChange = (from: RestorePoint, to: RestorePoint): void => {
  if (mayBecome(from.state, to.state)) return;
  if (from.state === 'preparing' && to.state === 'preparing') return;
  if (sameStoredValue(from, to)) return;
  throw new ConflictError(`Point ${from.pointId} is ${from.state} and cannot become ${to.state}`, {
    target: from.pointId,
  });
};

/**
 * Throws a `ConflictError` that names both states when a copy must not change like this. A copy's
 * reason and progress may change within a state, except in the final ones.
 */
export const assertCopyChange = (from: PointCopy, to: PointCopy): void => {
  if (copyMayBecome(from.state, to.state)) return;
  const final = from.state === 'gone' || from.state === 'skipped';
  if (from.state === to.state && !final) return;
  if (sameStoredValue(from, to)) return;
  throw new ConflictError(
    `Copy ${from.copy} of point ${from.pointId} is ${from.state} and cannot become ${to.state}`,
    { target: `${from.pointId}/${from.copy}` },
  );
};
