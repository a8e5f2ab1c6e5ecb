import { VM_KEY_PATTERN } from '../../lib/catalog/identifiers.ts';
import type { RestorePoint } from '../../lib/catalog/restore-point.ts';
import { fillEmptyCatalog } from '../shared/empty-catalog.ts';
import { type HttpHandler, json, registerRoute } from '../shared/http-handler.ts';
import { readQuery } from '../shared/http-input.ts';
import { listPage, type PageRequest } from '../shared/list-page.ts';
import { notFoundProblem } from '../shared/problems.ts';

const PAGING = {
  limit: { pattern: /^([1-9]|[1-9]\d|1\d\d|200)$/, expected: 'a number from 1 to 200' },
  continuation: { pattern: /^[\w-]{1,200}$/, expected: 'what an earlier answer gave' },
} as const;
const FILTERS = {
  vmKey: { pattern: VM_KEY_PATTERN, expected: '24 lower-case hex digits, as GET /api/vms shows' },
  state: { pattern: /^(preparing|recorded|failed)$/, expected: 'preparing, recorded or failed' },
  copy: { pattern: /^[a-z0-9-]{1,40}$/, expected: '`primary` or the name of a replica target' },
} as const;

const pageOf = ({
  limit,
  state,
  ...rest
}: Partial<Record<keyof typeof PAGING | keyof typeof FILTERS, string>>): PageRequest => ({
  ...rest,
  ...(limit === undefined ? {} : { limit: Number(limit) }),
  ...(state === undefined ? {} : { state: state as RestorePoint['state'] }),
});

/** All points, newest first, filtered and in pages. */
export const listPoints: HttpHandler = async (call) => {
  const page = pageOf(readQuery(call.request, { ...PAGING, ...FILTERS }));
  await fillEmptyCatalog(call);
  return json(200, await listPage(call.services.catalog, page));
};

/** The points of one VM, newest first, in pages. */
export const listVmPoints: HttpHandler = async (call) => {
  const { request, services } = call;
  const page = pageOf(readQuery(request, PAGING));
  const vmKey = request.params['vmKey'] ?? '';
  await fillEmptyCatalog(call);
  const unknown = () =>
    notFoundProblem('VmNotFound', `No VM with the key ${vmKey} is known; GET /api/vms lists them`);
  if (!VM_KEY_PATTERN.test(vmKey)) throw unknown();
  const answer = await listPage(services.catalog, { ...page, vmKey });
  if (answer.points.length === 0 && (await services.catalog.getVm(vmKey)) === undefined) {
    throw unknown();
  }
  return json(200, answer);
};

registerRoute('listPoints', { method: 'GET', route: 'points', handler: listPoints });
registerRoute('listVmPoints', {
  method: 'GET',
  route: 'vms/{vmKey}/points',
  handler: listVmPoints,
});
