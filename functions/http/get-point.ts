import { POINT_ID_PATTERN } from '../../lib/catalog/identifiers.ts';
import { type CopyFailure, findCopyFailures } from '../shared/copy-failures.ts';
import { fillEmptyCatalog } from '../shared/empty-catalog.ts';
import { type HttpHandler, json, registerRoute } from '../shared/http-handler.ts';
import { describePoint } from '../shared/point-views.ts';
import { notFoundProblem } from '../shared/problems.ts';

/** One point with its verdict, the evidence, the VM's configuration and where it can be restored from. */
export const getPoint: HttpHandler = async (call) => {
  const { request, services, client } = call;
  const pointId = request.params['pointId'] ?? '';
  const unknown = () =>
    notFoundProblem(
      'PointNotFound',
      `There is no restore point ${pointId}; GET /api/points lists them`,
    );
  if (!POINT_ID_PATTERN.test(pointId)) throw unknown();
  await fillEmptyCatalog(call);
  const found = await services.catalog.findPoint(pointId);
  if (found === undefined) throw unknown();
  const point = found.value;
  const copies = await services.catalog.listCopies({ vmKey: point.vmKey, pointId });
  const failures = services.settings.roles.includes('move')
    ? await findCopyFailures(client, copies)
    : new Map<string, CopyFailure>();
  return json(200, describePoint(point, copies, failures));
};

registerRoute('getPoint', { method: 'GET', route: 'points/{pointId}', handler: getPoint });
