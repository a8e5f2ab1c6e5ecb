import { PRIMARY_COPY } from '../catalog/point-copy.ts';
import type { RestorePoint } from '../catalog/restore-point.ts';
import { done, type Outcome, type Refusal, refused } from '../outcome.ts';
import type { CopyFacts } from './restore-facts.ts';
import type { RestoreRequest } from './restore-request.ts';

export interface ChosenCopy {
  readonly chosen: CopyFacts;
  readonly reason: string;
}

const wordsOf = (copy: string): string =>
  copy === PRIMARY_COPY ? 'the snapshots in the VM’s region' : `replica '${copy}'`;

/** Why nothing can be restored from this copy; undefined when it can. */
const refuseCopy = (point: RestorePoint, facts: CopyFacts): Refusal | undefined => {
  const name = `${point.pointId}/${facts.copy}`;
  if (facts.problem !== undefined) {
    return refused(facts.problem.errorCode, facts.problem.message, name);
  }
  switch (facts.state) {
    case 'sealed':
    case 'unlisted':
      return undefined;
    case 'pending':
    case 'copying':
      return refused(
        'PointNotSealed',
        `Point ${point.pointId}: ${wordsOf(facts.copy)} is ${facts.state}, so not complete. ` +
          'Wait until it is sealed, or restore from another copy or an older point.',
        name,
      );
    case 'damaged':
    case 'expiring':
    case 'gone':
    case 'skipped': {
      const why = facts.stateReason === undefined ? '' : ` (${facts.stateReason})`;
      return refused(
        'CopyNotAvailable',
        `Point ${point.pointId}: ${wordsOf(facts.copy)} is ${facts.state}${why}. ` +
          'Restore from another copy or another point.',
        name,
      );
    }
  }
};

/** Whether the request allows this copy at all. */
export const isAskedCopy = (request: RestoreRequest, copy: string): boolean => {
  if (request.source === 'primary') return copy === PRIMARY_COPY;
  if (request.source === 'replica' && copy === PRIMARY_COPY) return false;
  return request.target === undefined || request.target === copy;
};

/** Nearest first: in the app's own region, then the primary before replicas, then by name. */
const compareNearest =
  (homeRegion: string) =>
  (a: CopyFacts, b: CopyFacts): number => {
    const rank = (facts: CopyFacts): number =>
      (facts.region === homeRegion ? 0 : 2) + (facts.copy === PRIMARY_COPY ? 0 : 1);
    return rank(a) - rank(b) || (a.copy < b.copy ? -1 : a.copy > b.copy ? 1 : 0);
  };

/**
 * The copy that a restore reads: the one that was asked for, or the nearest that is complete and was
 * found. Refuses with the reason of the nearest one that was asked for.
 */
export const chooseCopy = (
  request: RestoreRequest,
  point: RestorePoint,
  copies: readonly CopyFacts[],
  homeRegion: string,
): Outcome<ChosenCopy> => {
  const asked = copies
    .filter((facts) => isAskedCopy(request, facts.copy))
    .sort(compareNearest(homeRegion));
  const passedOver: string[] = [];
  for (const facts of asked) {
    const refusal = refuseCopy(point, facts);
    if (refusal !== undefined) {
      passedOver.push(`${wordsOf(facts.copy)}: ${refusal.errorCode}`);
      continue;
    }
    const near = facts.region === homeRegion ? `in this app’s region ${homeRegion}` : facts.region;
    const others = passedOver.length === 0 ? '' : `; passed over: ${passedOver.join(', ')}`;
    const how = request.source === 'auto' ? 'the nearest complete copy' : 'the copy asked for';
    return done({ chosen: facts, reason: `${how}: ${wordsOf(facts.copy)} (${near})${others}` });
  }
  const [nearest] = asked;
  const refusal = nearest === undefined ? undefined : refuseCopy(point, nearest);
  if (refusal !== undefined) return refusal;
  const known = copies.map((facts) => facts.copy).join(', ') || 'none';
  return refused(
    'CopyNotAvailable',
    `Point ${point.pointId} has no copy as asked for (source ${request.source}` +
      `${request.target === undefined ? '' : `, target '${request.target}'`}); its copies: ${known}.`,
    point.pointId,
  );
};
