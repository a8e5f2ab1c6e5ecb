import { createHash } from 'node:crypto';
import { MalformedDataError } from '../errors.ts';
import { pointTimeMs } from './point-order.ts';
import type { MadeResource } from './run.ts';

/**
 * Row keys of the catalog's tables. Table Storage allows no `/`, `\`, `#`, `?` and no control
 * character in a key, and sorts keys by character.
 */

const LATEST_MS = 999_999_999_999_999;

/** Sorts newest point first: 15 digits of inverted epoch milliseconds, then the id. */
export const pointRowKey = (pointId: string): string =>
  `${String(LATEST_MS - pointTimeMs(pointId)).padStart(15, '0')}-${pointId}`;

/** Names of copies become part of a key. */
const COPY_NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/;

/** Row key of one copy of a point: lies beside the point's other copies, in the points' order. */
export const copyRowKey = (pointId: string, copy: string): string => {
  if (!COPY_NAME_PATTERN.test(copy)) {
    throw new MalformedDataError(
      `'${copy}' cannot name a copy: use letters, digits and dashes, at most 63`,
      { target: 'copy' },
    );
  }
  return `${pointRowKey(pointId)}~${copy}`;
};

/** Row keys of a point's copies are at least `from` and below `to`. */
export const copyRowKeyRange = (
  pointId: string,
): { readonly from: string; readonly to: string } => ({
  from: `${pointRowKey(pointId)}~`,
  to: `${pointRowKey(pointId)}~~`,
});

/** Row key of something made: its kind and a hash. ARM ids are the same in any case of letters. */
export const madeRowKey = (made: Pick<MadeResource, 'kind' | 'resourceId'>): string => {
  const armId = /^\/subscriptions\//i.test(made.resourceId);
  const id = armId ? made.resourceId.toLowerCase() : made.resourceId;
  return `${made.kind}-${createHash('sha256').update(id, 'utf8').digest('hex').slice(0, 16)}`;
};
