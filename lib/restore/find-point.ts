import { comparePointsNewestFirst } from '../catalog/point-order.ts';
import type { RestorePoint } from '../catalog/restore-point.ts';
import { MalformedDataError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import { isAskedCopy } from './choose-copy.ts';
import type { RestorePorts } from './restore-ports.ts';
import type { RestoreRequest } from './restore-request.ts';

const pointNotFound = (pointId: string) =>
  refused(
    'PointNotFound',
    `There is no restore point ${pointId}, neither in the catalog nor among the manifests. List the ` +
      'points, or rebuild the catalog when it was lost.',
    'pointId',
  );

/** The point from the manifests alone: what a restore needs when the catalog does not know it. */
const findInManifests = async (
  ports: RestorePorts,
  pointId: string,
): Promise<Outcome<RestorePoint> | undefined> => {
  for (const name of ports.targets.names) {
    const target = ports.targets.find(name);
    if (target === undefined) continue;
    const address = (await target.manifests.list()).find((one) => one.pointId === pointId);
    if (address === undefined) continue;
    try {
      const manifest = await target.manifests.read(address);
      if (manifest !== undefined) return done(manifest.point);
    } catch (error) {
      if (!(error instanceof MalformedDataError)) throw error;
      return refused('ManifestCorrupt', error.message, pointId);
    }
  }
  return undefined;
};

const findNewest = async (
  ports: RestorePorts,
  request: RestoreRequest,
  vm: string,
): Promise<Outcome<RestorePoint>> => {
  const points = (await ports.catalog.listPoints()).filter((point) => point.state === 'recorded');
  const wanted = vm.toLowerCase();
  const matching = points.filter(
    (point) =>
      point.vmKey === wanted ||
      point.vmId.toLowerCase() === wanted ||
      point.vmName.toLowerCase() === wanted,
  );
  const keys = new Set(matching.map((point) => point.vmKey));
  if (keys.size > 1) {
    return refused(
      'VmAmbiguous',
      `'${vm}' names ${keys.size} VMs: use a VM key (${[...keys].join(', ')}) or a point id.`,
      'vm',
    );
  }
  const copies = await ports.catalog.listCopies({ states: ['sealed'] });
  const sealed = new Set(
    copies.filter((copy) => isAskedCopy(request, copy.copy)).map((copy) => copy.pointId),
  );
  const [newest] = matching
    .filter((point) => sealed.has(point.pointId))
    .sort(comparePointsNewestFirst);
  return newest === undefined
    ? refused('PointNotFound', `There is no restorable point of VM '${vm}' in the catalog.`, 'vm')
    : done(newest);
};

/** The point that a request names. */
export const findRequestedPoint = async (
  ports: RestorePorts,
  request: RestoreRequest,
): Promise<Outcome<RestorePoint>> => {
  const { pointId, vm } = request;
  if (pointId === undefined) {
    if (vm !== undefined) return findNewest(ports, request, vm);
    return refused('RequestInvalid', 'Name a point: pointId, or vm with latest.', 'pointId');
  }
  const row = await ports.catalog.findPoint(pointId);
  const found =
    row === undefined ? await findInManifests(ports, pointId) : done<RestorePoint>(row.value);
  if (found === undefined) return pointNotFound(pointId);
  if (!found.ok || found.value.state === 'recorded') return found;
  return refused(
    'PointNotSealed',
    `Point ${pointId} is ${found.value.state}${found.value.failure === undefined ? '' : ` (${found.value.failure.errorCode})`}: only a recorded one can be restored.`,
    'pointId',
  );
};
