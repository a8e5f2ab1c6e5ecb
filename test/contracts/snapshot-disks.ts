import { diskKeyOf } from '../../lib/catalog/identifiers.ts';
import type { PointDisk } from '../../lib/catalog/restore-point.ts';
import type { PlacedScenario } from '../local-azure/control/scenario-types.ts';
import { type AzureStand, SNAPSHOT_GROUP } from './azure-stand.ts';

/** Snapshots of all disks of a VM, as a point records them; `sequence` keeps their names apart. */
export const snapshotDisks = async (
  stand: AzureStand,
  vm: PlacedScenario,
  sequence: number,
): Promise<readonly PointDisk[]> =>
  Promise.all(
    vm.disks.map(async ({ diskId, lun, name, sizeBytes }) => {
      const diskKey = diskKeyOf(diskId);
      const snapshot = await stand.clients.compute.snapshots.createOrUpdate(
        SNAPSHOT_GROUP,
        `ls-${diskKey}-${sequence}`,
        {
          location: 'westeurope',
          incremental: true,
          creationData: { createOption: 'Copy', sourceResourceId: diskId },
        },
        { updateIntervalInMs: 20 },
      );
      return {
        diskKey,
        lun,
        diskId,
        diskUniqueId: snapshot.creationData?.sourceUniqueId ?? '',
        name,
        sizeBytes,
        snapshot: {
          snapshotId: snapshot.id ?? '',
          name: snapshot.name ?? '',
          uniqueId: snapshot.uniqueId ?? '',
          familyId: snapshot.incrementalSnapshotFamilyId ?? '',
          timeCreatedUtc: snapshot.timeCreated?.toISOString() ?? '',
        },
      };
    }),
  );
