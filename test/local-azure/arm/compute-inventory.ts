import type { ComputeInventory } from '../contracts.ts';
import type { ArmState } from './arm-state.ts';
import { arrayAt, numberAt, stringAt } from './json.ts';
import { idKey } from './resource-id.ts';

/** What guests and evidence see of ARM's resources. */
export function createComputeInventory(state: () => ArmState): ComputeInventory {
  return {
    diskStore: (diskId) => state().disks.get(idKey(diskId))?.store,
    snapshotImage(snapshotId) {
      const content = state().snapshots.get(idKey(snapshotId));
      if (content?.image === undefined || content.instantMs === undefined) return undefined;
      return { image: content.image, instantMs: content.instantMs, diskId: content.diskId };
    },
    vmDisks(vmId) {
      const profile = state().resources.get(vmId)?.properties['storageProfile'];
      const osDiskId = stringAt(profile, 'osDisk', 'managedDisk', 'id');
      const data = arrayAt(profile, 'dataDisks').flatMap((disk) => {
        const lun = numberAt(disk, 'lun');
        const diskId = stringAt(disk, 'managedDisk', 'id');
        return lun === undefined || diskId === undefined ? [] : [{ lun, diskId }];
      });
      return [...(osDiskId === undefined ? [] : [{ lun: -1, diskId: osDiskId }]), ...data];
    },
  };
}
