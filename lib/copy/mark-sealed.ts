import type { Manifest } from '../catalog/manifest.ts';
import type { PointCopy } from '../catalog/point-copy.ts';
import { manifestPath } from '../catalog/storage-layout.ts';
import type { Versioned } from '../ports/catalog-store.ts';
import type { CopyPorts } from './copy-ports.ts';

/** Makes the catalog say what the container says: the copy is sealed. May be repeated. */
export async function markSealed(
  { catalog, clock, progress }: CopyPorts,
  row: Versioned<PointCopy>,
  manifest: Manifest,
): Promise<void> {
  const { vmKey, pointId, copy: target } = row.value;
  const updatedAtUtc = clock.now().toISOString();
  let current = row;
  if (current.value.state === 'pending') {
    current = await catalog.updateCopy(
      { ...current.value, state: 'copying', updatedAtUtc },
      current.etag,
    );
  }
  if (current.value.state === 'copying') {
    const { reason: _, ...rest } = current.value;
    await catalog.updateCopy(
      {
        ...rest,
        state: 'sealed',
        updatedAtUtc,
        manifestPath: manifestPath(vmKey, pointId),
        copiedBytes: manifest.disks.reduce((sum, disk) => sum + disk.copiedBytes, 0),
      },
      current.etag,
    );
  }
  await progress.forget({ vmKey, pointId, target });
}
