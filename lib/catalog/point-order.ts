import { MalformedDataError } from '../errors.ts';
import { POINT_ID_PATTERN } from './identifiers.ts';

/** The time inside a point id, in milliseconds since 1970. */
export const pointTimeMs = (pointId: string): number => {
  if (!POINT_ID_PATTERN.test(pointId)) {
    throw new MalformedDataError(`'${pointId}' is not the id of a restore point`, {
      target: 'pointId',
    });
  }
  const digits = pointId.slice(2, 17);
  const date = `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6, 8)}`;
  const time = `${digits.slice(9, 11)}:${digits.slice(11, 13)}:${digits.slice(13, 15)}`;
  return Date.parse(`${date}T${time}Z`);
};

/** Order of every listing of points: newest first; in one second by id, then by VM. */
export const comparePointsNewestFirst = (
  a: { readonly pointId: string; readonly vmKey: string },
  b: { readonly pointId: string; readonly vmKey: string },
): number => {
  const byTime = pointTimeMs(b.pointId) - pointTimeMs(a.pointId);
  if (byTime !== 0) return byTime;
  if (a.pointId !== b.pointId) return a.pointId < b.pointId ? -1 : 1;
  return a.vmKey < b.vmKey ? -1 : a.vmKey > b.vmKey ? 1 : 0;
};
