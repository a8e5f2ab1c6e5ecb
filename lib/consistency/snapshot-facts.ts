import type { DiskSnapshot, PointDisk } from '../catalog/restore-point.ts';
import { TAGS } from '../catalog/storage-layout.ts';
import { BackupError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';

export interface SnapshotTagValues {
  readonly deploymentId: string;
  readonly vmKey: string;
  readonly pointId: string;
  readonly diskKey: string;
  readonly attempt: string;
  readonly runId: string;
}

/** Tags by which a snapshot is found again, by us and by people. */
export const snapshotTags = (values: SnapshotTagValues): Readonly<Record<string, string>> => ({
  [TAGS.format]: '1',
  [TAGS.deployment]: values.deploymentId,
  [TAGS.vm]: values.vmKey,
  [TAGS.point]: values.pointId,
  [TAGS.disk]: values.diskKey,
  [TAGS.attempt]: values.attempt,
  [TAGS.run]: values.runId,
});

/**
 * What the platform says about a snapshot that is done, after checking that it is of this disk and of
 * this attempt. Throws `SnapshotMissing` when it is not to be seen (yet).
 */
export async function readTakenSnapshot(
  snapshots: SnapshotStore,
  snapshotId: string,
  disk: PointDisk,
  attempt: string,
): Promise<Outcome<DiskSnapshot>> {
  const found = await snapshots.get(snapshotId);
  if (found === undefined) {
    throw new BackupError('SnapshotMissing', `The snapshot of ${disk.name} is not to be found`, {
      target: snapshotId,
    });
  }
  if (found.tags[TAGS.attempt] !== attempt || !found.incremental) {
    return refused(
      'SnapshotNotOurs',
      `A snapshot of this name exists that this attempt did not take; nothing was changed. Delete or rename ${found.name}.`,
      snapshotId,
    );
  }
  if (found.sourceDiskUniqueId.toLowerCase() !== disk.diskUniqueId.toLowerCase()) {
    return refused(
      'DisksChanged',
      `The disk ${disk.name} was replaced while the point was made; start another run.`,
      disk.diskId,
    );
  }
  return done({
    snapshotId: found.snapshotId,
    name: found.name,
    uniqueId: found.uniqueId,
    familyId: found.familyId,
    timeCreatedUtc: found.timeCreatedUtc,
  });
}
