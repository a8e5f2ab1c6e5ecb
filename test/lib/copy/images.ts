import fc from 'fast-check';
import { expect } from 'vitest';
import type { RestorePoint } from '../../../lib/catalog/restore-point.ts';
import { createVhdFooter } from '../../../lib/copy/vhd-footer.ts';
import { createMemoryImage, type MemoryImage } from '../../fakes/memory-image.ts';
import { type CopyWorld, SEGMENT_BYTES, sumsOf, TARGET } from './copy-world.ts';

export const SECTOR = 512;

/** Two segments and a bit, not a multiple of a page. */
export const SIZE = 2 * SEGMENT_BYTES + 5 * 4096 + 3 * SECTOR;

export interface Change {
  readonly at: number;
  readonly sectors: number;
  readonly fill: number;
}

/** `fill` 0 clears. */
export const apply = (image: MemoryImage, changes: readonly Change[]): MemoryImage => {
  const next = image.copy();
  for (const { at, sectors, fill } of changes) {
    const start = at * SECTOR;
    const end = Math.min(start + sectors * SECTOR, image.sizeBytes);
    if (fill === 0) next.clear({ start, end });
    else next.write(start, Buffer.alloc(end - start, fill));
  }
  return next;
};

export const someImage = (seed = 1): MemoryImage =>
  apply(createMemoryImage(SIZE), [
    { at: 0, sectors: 20, fill: seed },
    { at: 101, sectors: 9, fill: seed + 1 },
    { at: 125, sectors: 30, fill: seed + 2 },
    { at: 290, sectors: 9, fill: seed + 3 },
  ]);

export const changes = fc.array(
  fc.record({
    at: fc.nat(SIZE / SECTOR - 1),
    sectors: fc.integer({ min: 1, max: 40 }),
    fill: fc.nat(255),
  }),
  { minLength: 0, maxLength: 6 },
);

/** The target's sealed copies equal the sources, byte for byte, and so do manifest and digest. */
export const expectReplica = async (
  world: CopyWorld,
  point: RestorePoint,
  images: readonly MemoryImage[],
): Promise<void> => {
  const { vmKey, pointId } = point;
  const copy = await world.catalog.getCopy(vmKey, pointId, TARGET);
  expect(copy?.value.state).toBe('sealed');
  const manifest = await world.manifests.read({ vmKey, pointId });
  expect(manifest?.disks.map((disk) => disk.diskKey)).toEqual(point.disks.map((d) => d.diskKey));
  for (const [index, disk] of (manifest?.disks ?? []).entries()) {
    const source = images[index];
    if (source === undefined) throw new TypeError('one image for each disk');
    const sealed = world.replicas.sealedImage(disk.blobPath, disk.blobSnapshot);
    expect(sealed.sizeBytes).toBe(source.sizeBytes + SECTOR);
    const content = sealed.read(0, source.sizeBytes);
    expect(content.equals(source.read(0, source.sizeBytes))).toBe(true);
    expect(
      sealed.read(source.sizeBytes, SECTOR).equals(createVhdFooter(source.sizeBytes, disk.chainId)),
    ).toBe(true);
    expect(disk.digest?.segments).toEqual(sumsOf(source));
  }
};
