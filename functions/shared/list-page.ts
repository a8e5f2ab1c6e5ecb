import { POINT_ID_PATTERN, VM_KEY_PATTERN } from '../../lib/catalog/identifiers.ts';
import type { PointCopy } from '../../lib/catalog/point-copy.ts';
import { comparePointsNewestFirst, pointTimeMs } from '../../lib/catalog/point-order.ts';
import type { RestorePoint } from '../../lib/catalog/restore-point.ts';
import type { CatalogStore } from '../../lib/ports/catalog-store.ts';
import { type PointSummary, summarizePoint } from './point-views.ts';
import { fieldProblem } from './problems.ts';

const DEFAULT_PAGE_SIZE = 50;

/** Where a page begins: behind the last point of the page before. Callers treat it as opaque. */
interface Position {
  readonly pointId: string;
  readonly vmKey: string;
}

const encodePosition = ({ pointId, vmKey }: Position): string =>
  Buffer.from(`${pointId}.${vmKey}`).toString('base64url');

function decodePosition(text: string): Position {
  const [pointId = '', vmKey = ''] = Buffer.from(text, 'base64url').toString('utf8').split('.');
  const position = { pointId, vmKey };
  if (
    VM_KEY_PATTERN.test(vmKey) &&
    POINT_ID_PATTERN.test(pointId) &&
    !Number.isNaN(pointTimeMs(pointId)) &&
    encodePosition(position) === text
  ) {
    return position;
  }
  throw fieldProblem('continuation', 'must be what an earlier answer gave as `continuation`');
}

export interface PageRequest {
  readonly vmKey?: string;
  readonly state?: RestorePoint['state'];
  /** Only points that can be restored from this copy. */
  readonly copy?: string;
  readonly limit?: number;
  readonly continuation?: string;
}

/** One page of points, newest first. */
export async function listPage(
  catalog: CatalogStore,
  { vmKey, state, copy, limit = DEFAULT_PAGE_SIZE, continuation }: PageRequest,
): Promise<{ readonly points: readonly PointSummary[]; readonly continuation?: string }> {
  const after = continuation === undefined ? undefined : decodePosition(continuation);
  const filter = vmKey === undefined ? {} : { vmKey };
  const [points, copies] = await Promise.all([
    catalog.listPoints(filter),
    catalog.listCopies(filter),
  ]);
  const copiesOf = new Map<string, PointCopy[]>();
  for (const one of copies) {
    const key = `${one.vmKey} ${one.pointId}`;
    copiesOf.set(key, [...(copiesOf.get(key) ?? []), one]);
  }
  const matching = points
    .map((point) => ({ point, copies: copiesOf.get(`${point.vmKey} ${point.pointId}`) ?? [] }))
    .filter(
      (row) =>
        (state === undefined || row.point.state === state) &&
        (copy === undefined ||
          row.copies.some((one) => one.copy === copy && one.state === 'sealed')) &&
        (after === undefined || comparePointsNewestFirst(row.point, after) > 0),
    );
  const page = matching.slice(0, limit);
  const last = page.at(-1);
  return {
    points: page.map((row) => summarizePoint(row.point, row.copies)),
    ...(matching.length > page.length && last ? { continuation: encodePosition(last.point) } : {}),
  };
}
