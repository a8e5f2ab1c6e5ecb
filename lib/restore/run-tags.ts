import { TAGS } from '../catalog/storage-layout.ts';
import type { FoundResource } from '../ports/found-resource.ts';
import type { RestoreOrigin } from './restore-plan.ts';

/** Azure's limit for one resource ("Use tags to organize your Azure resources"). */
const MOST_TAGS = 50;

type Tags = Readonly<Record<string, string>>;

const OURS: ReadonlySet<string> = new Set(Object.values(TAGS));
const isOurs = (name: string): boolean => OURS.has(name.toLowerCase());

/** The user's own tags: without any of ours that an earlier restore may have left in a point. */
export const userTags = (tags: Tags): Tags =>
  Object.fromEntries(Object.entries(tags).filter(([name]) => !isOurs(name)));

/**
 * Tags of something that a run made, while the run lasts: ours, and as many of the user's as fit
 * beside them. The end of the run puts all of the user's.
 */
export const runTags = (
  runId: string,
  deploymentId: string,
  origin: RestoreOrigin,
  tags: Tags,
): Tags => {
  const ours: Tags = {
    [TAGS.format]: '1',
    [TAGS.deployment]: deploymentId,
    [TAGS.run]: runId,
    [TAGS.vm]: origin.vmKey,
    [TAGS.point]: origin.pointId,
  };
  const room = MOST_TAGS - Object.keys(ours).length;
  return { ...Object.fromEntries(Object.entries(userTags(tags)).slice(0, room)), ...ours };
};

/** Whether this run made the resource. */
export const isMadeBy = (runId: string, found: FoundResource): boolean =>
  Object.entries(found.tags).some(
    ([name, value]) => name.toLowerCase() === TAGS.run && value === runId,
  );
