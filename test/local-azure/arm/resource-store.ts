import type { JsonObject } from './json.ts';
import { idKey } from './resource-id.ts';

/** A resource as ARM keeps it. `id`, `name` and `type` keep the spelling of their creation. */
export interface ArmResource {
  readonly id: string;
  readonly name: string;
  /** Canonical, `Microsoft.Compute/disks`. */
  readonly type: string;
  readonly resourceGroup: string;
  readonly region: string;
  tags: Readonly<Record<string, string>> | undefined;
  /** Members beside `properties`: sku, zones, identity, plan, managedBy, etag. */
  envelope: JsonObject;
  properties: JsonObject;
}

export interface ResourceGroup {
  readonly id: string;
  readonly name: string;
  readonly region: string;
  tags: Readonly<Record<string, string>> | undefined;
}

export interface ResourceStore {
  get(id: string): ArmResource | undefined;
  put(resource: ArmResource): void;
  /** Also removes the resources below it. */
  remove(id: string): void;
  /** In the order of creation. */
  list(type?: string): readonly ArmResource[];
  group(name: string): ResourceGroup | undefined;
  putGroup(group: ResourceGroup): void;
  groups(): readonly ResourceGroup[];
}

export function createResourceStore(): ResourceStore {
  const resources = new Map<string, ArmResource>();
  const groups = new Map<string, ResourceGroup>();
  return {
    get: (id) => resources.get(idKey(id)),
    put(resource) {
      resources.set(idKey(resource.id), resource);
    },
    remove(id) {
      const key = idKey(id);
      for (const known of [...resources.keys()]) {
        if (known === key || known.startsWith(`${key}/`)) resources.delete(known);
      }
    },
    list(type) {
      const all = [...resources.values()];
      if (type === undefined) return all;
      return all.filter((resource) => resource.type.toLowerCase() === type.toLowerCase());
    },
    group: (name) => groups.get(name.toLowerCase()),
    putGroup(group) {
      groups.set(group.name.toLowerCase(), group);
    },
    groups: () => [...groups.values()],
  };
}

/** The resource as a GET shows it. */
export function toBody(resource: ArmResource): JsonObject {
  return {
    name: resource.name,
    id: resource.id,
    type: resource.type,
    location: resource.region,
    ...(resource.tags === undefined ? {} : { tags: { ...resource.tags } }),
    ...resource.envelope,
    properties: resource.properties,
  };
}
