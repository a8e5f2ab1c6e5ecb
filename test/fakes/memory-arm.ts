import { BackupError } from '../../lib/errors.ts';
import { done, type Outcome, refused } from '../../lib/outcome.ts';
import type { DiskSource, DiskStore, DiskToMake } from '../../lib/ports/disk-store.ts';
import type { FoundResource } from '../../lib/ports/found-resource.ts';
import type { NetworkInventory, Subnet } from '../../lib/ports/network-inventory.ts';
import type { RegionInventory } from '../../lib/ports/region-inventory.ts';
import type { NicToMake, VmBuilder, VmToMake } from '../../lib/ports/vm-builder.ts';

type Made =
  | { readonly kind: 'disk'; readonly spec: DiskToMake; readonly source: DiskSource }
  | { readonly kind: 'nic'; readonly spec: NicToMake }
  | { readonly kind: 'vm'; readonly spec: VmToMake }
  | { readonly kind: 'other' };

export interface MemoryResource {
  found: FoundResource;
  made: Made;
}

export interface MemoryArm {
  readonly disks: DiskStore;
  readonly vms: VmBuilder;
  readonly networks: NetworkInventory;
  readonly regions: RegionInventory;
  /** By id in lower case. */
  readonly resources: Map<string, MemoryResource>;
  readonly subnets: Map<string, Subnet>;
  readonly securityGroups: Map<string, { readonly region: string }>;
  readonly groups: Set<string>;
  readonly accounts: Map<string, { readonly region: string }>;
  /** Ids that the platform refuses to make, with its words. */
  readonly refusals: Map<string, string>;
  /** Ids that cannot be removed. */
  readonly stuck: Set<string>;
  zones: readonly string[] | undefined;
  offersSize: boolean | undefined;
  place(id: string, region: string, tags?: Record<string, string>): void;
}

const SUBSCRIPTION = '/subscriptions/00000000-0000-0000-0000-000000000001';

/** The control plane as far as a restore uses it, in memory. */
export const createMemoryArm = (): MemoryArm => {
  const resources = new Map<string, MemoryResource>();
  const subnets = new Map<string, Subnet>();
  const securityGroups = new Map<string, { readonly region: string }>();
  const groups = new Set<string>();
  const accounts = new Map<string, { readonly region: string }>();
  const refusals = new Map<string, string>();
  const stuck = new Set<string>();

  const find = async (id: string) => resources.get(id.toLowerCase())?.found;
  const put = (
    id: string,
    region: string,
    tags: Readonly<Record<string, string>>,
    made: Made,
  ): Outcome<void> => {
    const words = refusals.get(id.toLowerCase());
    if (words !== undefined) return refused('Refused', words, id);
    if (resources.has(id.toLowerCase())) throw new BackupError('Conflict', `${id} exists`);
    if (Object.keys(tags).length > 50) return refused('Refused', 'more than 50 tags', id);
    const found = { id, region, tags: { ...tags }, provisioningState: 'Succeeded' };
    resources.set(id.toLowerCase(), { found, made });
    return done(undefined);
  };
  const replaceTags = async (id: string, tags: Readonly<Record<string, string>>) => {
    const resource = resources.get(id.toLowerCase());
    if (resource === undefined) throw new BackupError('ResourceNotFound', id);
    resource.found = { ...resource.found, tags: { ...tags } };
  };
  const remove = async (id: string) => {
    if (stuck.has(id.toLowerCase())) throw new BackupError('ScopeLocked', `${id} is locked`);
    for (const { made } of resources.values()) {
      if (made.kind !== 'vm') continue;
      const used = [...made.spec.disks.map((d) => d.diskId), ...made.spec.nics.map((n) => n.nicId)];
      if (used.some((one) => one.toLowerCase() === id.toLowerCase())) {
        throw new BackupError('OperationNotAllowed', `${id} is attached to ${made.spec.vmId}`);
      }
    }
    resources.delete(id.toLowerCase());
  };

  const arm: MemoryArm = {
    resources,
    subnets,
    securityGroups,
    groups,
    accounts,
    refusals,
    stuck,
    zones: ['1', '2', '3'],
    offersSize: undefined,
    place(id, region, tags = {}) {
      const found = { id, region, tags, provisioningState: 'Succeeded' };
      resources.set(id.toLowerCase(), { found, made: { kind: 'other' } });
    },
    disks: {
      findDisk: find,
      findSnapshot: find,
      createDisk: async (spec, source) =>
        put(spec.diskId, spec.region, spec.tags, { kind: 'disk', spec, source }),
      replaceDiskTags: replaceTags,
      removeDisk: remove,
    },
    vms: {
      findNic: find,
      createNic: async (spec) => put(spec.nicId, spec.region, spec.tags, { kind: 'nic', spec }),
      replaceNicTags: replaceTags,
      removeNic: remove,
      findVm: find,
      async createVm(spec) {
        for (const id of [...spec.disks.map((d) => d.diskId), ...spec.nics.map((n) => n.nicId)]) {
          if (!resources.has(id.toLowerCase())) return refused('Refused', `${id} is missing`, id);
        }
        return put(spec.vmId, spec.region, spec.tags, { kind: 'vm', spec });
      },
      replaceVmTags: replaceTags,
      removeVm: remove,
    },
    networks: {
      findSubnet: async (id) => subnets.get(id.toLowerCase()),
      findNetworkSecurityGroup: async (id) => securityGroups.get(id.toLowerCase()),
    },
    regions: {
      resourceGroupId: (name) => `${SUBSCRIPTION}/resourceGroups/${name}`,
      hasResourceGroup: async (name) => groups.has(name.toLowerCase()),
      findStorageAccount: async (id) => accounts.get(id.toLowerCase()),
      listZones: async () => arm.zones,
      isSizeOffered: async () => arm.offersSize,
    },
  };
  return arm;
};
