import { vmKeyOf } from '../../lib/catalog/identifiers.ts';
import { fillEmptyCatalog } from '../shared/empty-catalog.ts';
import { type HttpHandler, json, registerRoute } from '../shared/http-handler.ts';
import { readQuery } from '../shared/http-input.ts';

interface VmView {
  readonly vmKey: string;
  readonly vmId: string;
  readonly name: string;
  readonly region: string;
  /** Whether the VM exists now; absent in an app that does not look for VMs. */
  readonly exists?: boolean;
  readonly osType?: string;
  readonly lastSeenUtc?: string;
}

/**
 * The VMs that can be protected or restored: in an app that protects, those of the subscription and
 * those that points name; in an app that only restores, the latter.
 */
export const listVms: HttpHandler = async (call) => {
  const { request, services } = call;
  const { catalog, directory, settings } = services;
  readQuery(request, {});
  await fillEmptyCatalog(call);
  const discovers = settings.roles.includes('protect');
  const [known, found, points] = await Promise.all([
    catalog.listVms(),
    discovers ? directory.listVms() : [],
    catalog.listPoints(),
  ]);
  const vms = new Map<string, VmView>();
  for (const { vmKey, vmId, name, region, lastSeenUtc } of known) {
    const exists = discovers ? { exists: false } : {};
    vms.set(vmKey, { vmKey, vmId, name, region, ...exists, lastSeenUtc });
  }
  for (const { vmId, vmUniqueId, name, region, osType } of found) {
    const vmKey = vmKeyOf(vmId, vmUniqueId);
    vms.set(vmKey, { ...vms.get(vmKey), vmKey, vmId, name, region, osType, exists: true });
  }
  const recorded = points.filter((point) => point.state === 'recorded');
  const views = [...vms.values()]
    .sort((a, b) => (a.name === b.name ? (a.vmKey < b.vmKey ? -1 : 1) : a.name < b.name ? -1 : 1))
    .map((vm) => {
      const own = recorded.filter((point) => point.vmKey === vm.vmKey);
      const [newest] = own;
      return {
        ...vm,
        points: own.length,
        ...(newest === undefined
          ? {}
          : {
              newestPoint: {
                pointId: newest.pointId,
                createdAtUtc: newest.createdAtUtc,
                label: newest.verdict?.achieved,
              },
            }),
      };
    });
  return json(200, { vms: views });
};

registerRoute('listVms', { method: 'GET', route: 'vms', handler: listVms });
