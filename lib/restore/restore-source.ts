import type { Manifest } from '../catalog/manifest.ts';
import type { PointDisk, RestorePoint } from '../catalog/restore-point.ts';
import type { CapturedDisk } from '../catalog/vm-configuration.ts';
import { MalformedDataError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { RestoreOrigin } from './restore-plan.ts';
import type { RestorePorts, RestoreTarget } from './restore-ports.ts';

export type RestoreSource =
  | { readonly source: 'primary'; readonly point: RestorePoint }
  | {
      readonly source: 'replica';
      readonly point: RestorePoint;
      readonly manifest: Manifest;
      readonly target: RestoreTarget;
    };

/** Reads the point of a plan again: of a replica from its manifest alone, else from the catalog. */
export const readRestoreSource = async (
  ports: RestorePorts,
  origin: RestoreOrigin,
): Promise<Outcome<RestoreSource>> => {
  if (origin.source === 'primary') {
    const row = await ports.catalog.getPoint(origin.vmKey, origin.pointId);
    return row === undefined
      ? refused('PointNotFound', `Point ${origin.pointId} left the catalog.`, origin.pointId)
      : done({ source: 'primary', point: row.value });
  }
  const target = ports.targets.find(origin.target ?? '');
  if (target === undefined) {
    return refused(
      'TargetUnknown',
      `There is no replica target '${origin.target}'. Configured: ${ports.targets.names.join(', ') || 'none'}.`,
      'target',
    );
  }
  try {
    const manifest = await target.manifests.read(origin);
    return manifest === undefined
      ? refused(
          'CopyNotAvailable',
          `The manifest of point ${origin.pointId} left replica '${target.name}'.`,
          origin.pointId,
        )
      : done({ source: 'replica', point: manifest.point, manifest, target });
  } catch (error) {
    if (!(error instanceof MalformedDataError)) throw error;
    return refused('ManifestCorrupt', error.message, origin.pointId);
  }
};

/** A disk of the point with its captured settings. */
export const findDiskOf = (
  point: RestorePoint,
  diskKey: string,
): Outcome<{ readonly disk: PointDisk; readonly captured: CapturedDisk }> => {
  const disk = point.disks.find((one) => one.diskKey === diskKey);
  const captured = point.configuration.disks.find((one) => one.lun === disk?.lun);
  return disk === undefined || captured === undefined
    ? refused('DiskNotInPoint', `Point ${point.pointId} has no disk ${diskKey}.`, diskKey)
    : done({ disk, captured });
};
