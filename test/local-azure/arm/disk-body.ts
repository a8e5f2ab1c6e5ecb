import { isOpen } from './access-grants.ts';
import type { ArmState, DiskContent } from './arm-state.ts';
import type { JsonObject } from './json.ts';
import { idKey } from './resource-id.ts';
import { type ArmResource, toBody } from './resource-store.ts';

export const gibibyte = 1024 ** 3;

/**
 * Disks of the local Azure may be smaller than 1 GiB, which Azure's are not; `diskSizeGB` is then
 * rounded up, and `diskSizeBytes` is exact.
 */
export function toSizeGb(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / gibibyte));
}

/** Size in bytes for a wanted `diskSizeGB` over a source; undefined when it would shrink. */
export function growTo(sourceBytes: number, sizeGb: number | undefined): number | undefined {
  if (sizeGb === undefined || sizeGb === toSizeGb(sourceBytes)) return sourceBytes;
  const wanted = sizeGb * gibibyte;
  return wanted < sourceBytes ? undefined : wanted;
}

const skuTiers: Readonly<Record<string, string>> = {
  Standard_LRS: 'Standard',
  StandardSSD_LRS: 'Standard',
  StandardSSD_ZRS: 'Standard',
  Premium_LRS: 'Premium',
  Premium_ZRS: 'Premium',
  PremiumV2_LRS: 'Premium',
  UltraSSD_LRS: 'Ultra',
  Standard_ZRS: 'Standard',
};

export function isSku(kind: 'disk' | 'snapshot', name: string): boolean {
  if (kind === 'snapshot') return ['Standard_LRS', 'Standard_ZRS', 'Premium_LRS'].includes(name);
  return name in skuTiers && name !== 'Standard_ZRS';
}

export function skuBody(name: string): JsonObject {
  return { name, tier: skuTiers[name] ?? 'Standard' };
}

function diskState(state: ArmState, disk: ArmResource, content: DiskContent): string {
  if (content.upload === 'ready') return 'ReadyToUpload';
  if (content.upload === 'active') return 'ActiveUpload';
  if (isOpen(state, content.grant)) return 'ActiveSAS';
  const vmId = disk.envelope['managedBy'];
  if (typeof vmId !== 'string') return 'Unattached';
  const power = state.vms.get(idKey(vmId))?.power;
  return power === 'deallocated' || power === 'deallocating' ? 'Reserved' : 'Attached';
}

export function showDisk(state: ArmState, disk: ArmResource): JsonObject {
  const body = toBody(disk);
  const content = state.disks.get(idKey(disk.id));
  if (content === undefined) return body;
  const isUpload = content.upload !== 'none';
  return {
    ...body,
    properties: {
      ...disk.properties,
      ...(isUpload
        ? {}
        : {
            diskSizeGB: toSizeGb(content.store.sizeBytes),
            diskSizeBytes: content.store.sizeBytes,
          }),
      diskState: diskState(state, disk, content),
      uniqueId: content.uniqueId,
    },
  };
}

export function showSnapshot(state: ArmState, snapshot: ArmResource): JsonObject {
  const content = state.snapshots.get(idKey(snapshot.id));
  return {
    ...toBody(snapshot),
    properties: {
      ...snapshot.properties,
      diskState: isOpen(state, content?.grant) ? 'ActiveSAS' : 'Unattached',
    },
  };
}
