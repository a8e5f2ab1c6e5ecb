import { PRIMARY_COPY } from '../catalog/point-copy.ts';
import type { RestorePoint } from '../catalog/restore-point.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { FoundResource } from '../ports/found-resource.ts';
import { subnetsToFind } from './choose-subnets.ts';
import type { CopyFacts, DestinationFacts } from './restore-facts.ts';
import { idsOf, restoreNames } from './restore-names.ts';
import type { RestorePorts } from './restore-ports.ts';
import type { RestoreRequest } from './restore-request.ts';

const findMany = async <T>(
  ids: readonly string[],
  find: (id: string) => Promise<T | undefined>,
): Promise<ReadonlyMap<string, T>> => {
  const found = new Map<string, T>();
  await Promise.all(
    [...new Set(ids)].map(async (id) => {
      const value = await find(id);
      if (value !== undefined) found.set(id.toLowerCase(), value);
    }),
  );
  return found;
};

const findTaken = async (
  ports: RestorePorts,
  ids: readonly string[],
): Promise<ReadonlySet<string>> => {
  const find = (id: string): Promise<FoundResource | undefined> => {
    if (/\/virtualMachines\/[^/]+$/i.test(id)) return ports.vms.findVm(id);
    if (/\/networkInterfaces\/[^/]+$/i.test(id)) return ports.vms.findNic(id);
    return ports.disks.findDisk(id);
  };
  return new Set((await findMany(ids, find)).keys());
};

/** Looks at everything that a plan for `chosen` depends on. */
export const gatherDestination = async (
  ports: RestorePorts,
  request: RestoreRequest,
  point: RestorePoint,
  chosen: CopyFacts,
): Promise<Outcome<DestinationFacts>> => {
  const { configuration } = point;
  const overrides = request.overrides ?? {};
  const source = chosen.copy === PRIMARY_COPY ? 'primary' : 'replica';
  const group =
    overrides.resourceGroup ??
    ports.defaults.resourceGroup ??
    (source === 'primary' ? configuration.resourceGroup : undefined);
  if (group === undefined) {
    return refused(
      'ResourceGroupMissing',
      'No resource group is named: set overrides.resourceGroup, or LOCKSTEP_RESTORE_RESOURCE_GROUP.',
      'overrides.resourceGroup',
    );
  }
  const resourceGroupId = ports.regions.resourceGroupId(group);
  const resourceGroupExists = await ports.regions.hasResourceGroup(group);
  const names = restoreNames(configuration, overrides, resourceGroupId);
  // A NIC and its security group lie in one region (Azure's network limits), so elsewhere none can be
  // kept, and the first region, which may be gone, is not asked.
  const securityGroups =
    chosen.region === configuration.region
      ? configuration.nics.flatMap((nic) => nic.networkSecurityGroupId ?? [])
      : [];
  const accountId = ports.targets.find(chosen.copy)?.storageAccountId;
  const size = overrides.size ?? configuration.size;
  const [subnets, groups, takenIds, zones, sizeIsOffered, account] = await Promise.all([
    findMany(subnetsToFind(configuration.nics, request, source, ports.defaults.subnetId), (id) =>
      ports.networks.findSubnet(id),
    ),
    findMany(securityGroups, (id) => ports.networks.findNetworkSecurityGroup(id)),
    resourceGroupExists ? findTaken(ports, idsOf(names)) : new Set<string>(),
    ports.regions.listZones(chosen.region),
    ports.regions.isSizeOffered(chosen.region, size),
    accountId === undefined ? undefined : ports.regions.findStorageAccount(accountId),
  ]);
  return done({
    resourceGroupId,
    resourceGroupExists,
    subnets,
    networkSecurityGroupRegions: new Map([...groups].map(([id, one]) => [id, one.region])),
    takenIds,
    ...(zones === undefined ? {} : { zones }),
    ...(sizeIsOffered === undefined ? {} : { sizeIsOffered }),
    ...(accountId === undefined
      ? {}
      : {
          storageAccount: {
            id: accountId,
            ...(account === undefined ? {} : { region: account.region }),
          },
        }),
  });
};
