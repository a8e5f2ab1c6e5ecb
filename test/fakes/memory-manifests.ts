import type { Manifest } from '../../lib/catalog/manifest.ts';
import { checkManifest, parseManifest } from '../../lib/catalog/manifest-schema.ts';
import { sameStoredValue } from '../../lib/catalog/state-changes.ts';
import { manifestPath } from '../../lib/catalog/storage-layout.ts';
import { ConflictError } from '../../lib/errors.ts';
import type { ManifestAddress, ManifestStore } from '../../lib/ports/manifest-store.ts';

export interface MemoryManifests extends ManifestStore {
  /** Replaces a manifest's text, as somebody with access to the container could. */
  overwrite(address: ManifestAddress, text: string): void;
}

export const createMemoryManifests = (): MemoryManifests => {
  const blobs = new Map<string, { address: ManifestAddress; text: string }>();
  const leases = new Map<string, string>();
  const pathOf = ({ vmKey, pointId }: ManifestAddress): string => manifestPath(vmKey, pointId);
  const read = (address: ManifestAddress): Manifest | undefined => {
    const blob = blobs.get(pathOf(address));
    return blob === undefined ? undefined : parseManifest(blob.text, pathOf(address));
  };
  return {
    overwrite(address, text) {
      blobs.set(pathOf(address), { address, text });
    },
    async write(manifest) {
      const { vmKey, pointId } = manifest.point;
      const path = pathOf({ vmKey, pointId });
      checkManifest(manifest, path);
      const known = read({ vmKey, pointId });
      if (known === undefined) {
        blobs.set(path, { address: { vmKey, pointId }, text: JSON.stringify(manifest) });
      } else if (!sameStoredValue({ ...known, sealedAtUtc: manifest.sealedAtUtc }, manifest)) {
        throw new ConflictError(`${path} says something else`);
      }
      return path;
    },
    read: async (address) => read(address),
    list: async (vmKey) =>
      [...blobs.values()]
        .map(({ address }) => address)
        .filter((address) => vmKey === undefined || address.vmKey === vmKey)
        .sort((a, b) => (a.pointId < b.pointId ? -1 : 1)),
    async lease(address, leaseId) {
      const holder = leases.get(pathOf(address));
      if (holder !== undefined && holder !== leaseId) throw new ConflictError('leased');
      leases.set(pathOf(address), leaseId);
    },
    async release(address, leaseId) {
      if (leases.get(pathOf(address)) === leaseId) leases.delete(pathOf(address));
    },
  };
};
