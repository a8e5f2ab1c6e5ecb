import type { ArmState } from '../arm/arm-state.ts';
import { stringAt } from '../arm/json.ts';
import { idKey } from '../arm/resource-id.ts';
import type { StorageService } from '../contracts.ts';
import type { SimulatedGuests } from '../guest/create-guest-agent.ts';

/** One thing that exists. `key` is the same for the same thing in every inventory. */
export interface InventoryItem {
  readonly key: string;
  readonly kind:
    | 'resource'
    | 'resource-group'
    | 'sas-grant'
    | 'running-script'
    | 'frozen-guest'
    | 'container'
    | 'blob'
    | 'blob-snapshot'
    | 'lease'
    | 'uncommitted-blob';
  readonly region: string;
  /** Resource type, or account and path. */
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly provisioningState?: string;
  readonly sizeBytes?: number;
}

export interface InventoryDifference {
  readonly added: readonly InventoryItem[];
  readonly removed: readonly InventoryItem[];
}

export interface InventoryParts {
  readonly state: ArmState;
  readonly storage: StorageService;
  readonly guests: SimulatedGuests;
}

/** Everything that exists now, in ARM, in storage, in guests; also of regions that are off. */
export async function takeInventory(parts: InventoryParts): Promise<readonly InventoryItem[]> {
  const { state } = parts;
  const regionOf = (id: string) => state.resources.get(id)?.region ?? 'unknown';
  const items: InventoryItem[] = [];
  for (const group of state.resources.groups()) {
    items.push({
      key: `resource-group ${group.name.toLowerCase()}`,
      kind: 'resource-group',
      region: group.region,
      name: group.name,
    });
  }
  for (const resource of state.resources.list()) {
    const provisioningState = stringAt(resource.properties, 'provisioningState');
    items.push({
      key: `resource ${idKey(resource.id)}`,
      kind: 'resource',
      region: resource.region,
      name: `${resource.type} ${resource.name}`,
      ...(resource.tags === undefined ? {} : { tags: resource.tags }),
      ...(provisioningState === undefined ? {} : { provisioningState }),
    });
  }
  for (const grant of state.exports.open()) {
    items.push({
      key: `sas-grant ${idKey(grant.resourceId)} ${grant.grantId}`,
      kind: 'sas-grant',
      region: regionOf(grant.resourceId),
      name: grant.resourceId,
    });
  }
  for (const script of parts.guests.runningProcesses()) {
    items.push({
      key: `running-script ${script.vmId} ${script.name}`,
      kind: 'running-script',
      region: regionOf(script.vmId),
      name: `${script.vmId} ${script.name}`,
    });
  }
  for (const guest of parts.guests.frozenGuests()) {
    items.push({
      key: `frozen-guest ${guest.vmId}`,
      kind: 'frozen-guest',
      region: regionOf(guest.vmId),
      name: `${guest.vmId} ${guest.mountPoints.join(', ')}`,
    });
  }
  for (const item of await parts.storage.inventory()) {
    items.push({
      key: `${item.kind} ${item.account}/${item.path}`,
      kind: item.kind,
      region: item.region,
      name: `${item.account}/${item.path}`,
      ...(item.sizeBytes === undefined ? {} : { sizeBytes: item.sizeBytes }),
    });
  }
  return items;
}

export function compareInventories(
  before: readonly InventoryItem[],
  after: readonly InventoryItem[],
): InventoryDifference {
  const known = new Set(before.map((item) => item.key));
  const present = new Set(after.map((item) => item.key));
  return {
    added: after.filter((item) => !known.has(item.key)),
    removed: before.filter((item) => !present.has(item.key)),
  };
}
