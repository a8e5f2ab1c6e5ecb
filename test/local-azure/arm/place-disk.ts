import type { PageStore } from '../contracts.ts';
import type { ArmState, DiskContent } from './arm-state.ts';
import { skuBody } from './disk-body.ts';
import type { JsonObject } from './json.ts';
import { idKey } from './resource-id.ts';
import type { ArmResource } from './resource-store.ts';

export interface DiskPlacement {
  readonly resourceGroup: string;
  readonly name: string;
  readonly region: string;
  readonly sku: string;
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly zones: readonly string[] | undefined;
  /** As given, plus what the provider adds. */
  readonly properties: JsonObject;
  readonly provisioningState: 'Succeeded' | 'Updating';
  readonly store: PageStore;
  readonly upload: DiskContent['upload'];
}

/** Puts a disk and its content in place. */
export function placeDisk(
  state: ArmState,
  disk: DiskPlacement,
): { readonly resource: ArmResource; readonly content: DiskContent } {
  const resource: ArmResource = {
    id: `/subscriptions/${state.subscriptionId}/resourceGroups/${disk.resourceGroup}/providers/Microsoft.Compute/disks/${disk.name}`,
    name: disk.name,
    type: 'Microsoft.Compute/disks',
    resourceGroup: disk.resourceGroup,
    region: disk.region,
    tags: disk.tags,
    envelope: {
      sku: skuBody(disk.sku),
      ...(disk.zones === undefined ? {} : { zones: disk.zones }),
    },
    properties: {
      encryption: { type: 'EncryptionAtRestWithPlatformKey' },
      networkAccessPolicy: 'AllowAll',
      publicNetworkAccess: 'Enabled',
      ...disk.properties,
      diskIOPSReadWrite: 500,
      diskMBpsReadWrite: 60,
      timeCreated: new Date().toISOString(),
      provisioningState: disk.provisioningState,
    },
  };
  const content: DiskContent = {
    uniqueId: state.random.uuid(),
    familyId: state.random.uuid(),
    store: disk.store,
    upload: disk.upload,
    grant: undefined,
    snapshotTimesMs: [],
  };
  state.resources.put(resource);
  state.disks.set(idKey(resource.id), content);
  return { resource, content };
}
