import type { Manifest, ManifestDisk } from '../catalog/manifest.ts';
import { manifestPath } from '../catalog/storage-layout.ts';
import { ConflictError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import {
  type CopyInput,
  type CopyPorts,
  findRecordedPoint,
  findTarget,
  readManifest,
} from './copy-ports.ts';
import { markSealed } from './mark-sealed.ts';

/**
 * Makes the replica visible: its manifest is written, once, when every disk is sealed. Then the
 * catalog's row follows. May be repeated at any point.
 */
export async function sealReplica(
  ports: CopyPorts,
  input: CopyInput,
): Promise<Outcome<{ readonly manifestPath: string }>> {
  const { catalog, progress, clock, events } = ports;
  const { vmKey, pointId } = input;
  const target = findTarget(ports, input.target);
  if (!target.ok) return target;
  const point = await findRecordedPoint(ports, input);
  if (!point.ok) return point;
  const row = await catalog.getCopy(vmKey, pointId, input.target);
  if (row === undefined) {
    return refused(
      'CopyNotFound',
      `Restore point ${pointId} has no copy '${input.target}' in the catalog.`,
      input.target,
    );
  }
  const path = manifestPath(vmKey, pointId);
  const known = await readManifest(target.value, { vmKey, pointId });
  if (!known.ok) return known;
  if (known.value !== undefined) {
    await markSealed(ports, row, known.value);
    return done({ manifestPath: path });
  }

  const disks: ManifestDisk[] = [];
  for (const { diskKey } of point.value.disks) {
    const disk = await progress.getSealedDisk(input, diskKey);
    if (disk === undefined) {
      return refused(
        'CopyIncomplete',
        `Disk ${diskKey} of point ${pointId} is not sealed: the replica cannot be.`,
        diskKey,
      );
    }
    disks.push(disk);
  }
  const manifest: Manifest = {
    formatVersion: 1,
    kind: 'lockstep-manifest',
    target: input.target,
    sealedAtUtc: clock.now().toISOString(),
    point: point.value,
    disks,
    holds: [],
  };
  try {
    await target.value.manifests.write(manifest);
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    return refused(
      'ManifestConflict',
      `${path} was written meanwhile by somebody else, with other content. Nothing was overwritten.`,
      path,
    );
  }
  await markSealed(ports, row, manifest);
  events.emit('ReplicaSealed', { ...input, manifestPath: path, disks: disks.length });
  return done({ manifestPath: path });
}
