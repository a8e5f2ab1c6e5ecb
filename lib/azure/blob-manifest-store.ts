import { text } from 'node:stream/consumers';
import type { BlobServiceClient } from '@azure/storage-blob';
import type { Manifest } from '../catalog/manifest.ts';
import { parseManifest } from '../catalog/manifest-schema.ts';
import { sameStoredValue } from '../catalog/state-changes.ts';
import { MANIFEST_PATH_PATTERN, manifestPath, manifestPrefix } from '../catalog/storage-layout.ts';
import { ConflictError } from '../errors.ts';
import type { ManifestAddress, ManifestStore } from '../ports/manifest-store.ts';
import { coerceAzureError, isNotFound, toBackupError } from './arm-errors.ts';
import { limitedSignal } from './request-limits.ts';

const READ_LIMIT_MS = 60_000;

/** Manifests as block blobs `<vmKey>/points/<pointId>.json` of one container. */
export function createBlobManifestStore(options: {
  readonly service: BlobServiceClient;
  readonly container: string;
}): ManifestStore {
  const container = options.service.getContainerClient(options.container);
  const pathOf = ({ vmKey, pointId }: ManifestAddress): string => manifestPath(vmKey, pointId);

  const read = async (address: ManifestAddress): Promise<Manifest | undefined> => {
    const path = pathOf(address);
    let body: string;
    try {
      const abortSignal = limitedSignal(READ_LIMIT_MS);
      const answer = await container.getBlobClient(path).download(0, undefined, { abortSignal });
      body = answer.readableStreamBody === undefined ? '' : await text(answer.readableStreamBody);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw toBackupError(error, `read manifest ${path}`, path);
    }
    return parseManifest(body, path);
  };

  return {
    read,

    async write(manifest) {
      const path = pathOf(manifest.point);
      const body = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
      try {
        await container.getBlockBlobClient(path).upload(body, body.length, {
          conditions: { ifNoneMatch: '*' },
          blobHTTPHeaders: { blobContentType: 'application/json' },
        });
        return path;
      } catch (error) {
        if (coerceAzureError(error).kind !== 'conflict') {
          throw toBackupError(error, `write manifest ${path}`, path);
        }
      }
      // There already: by an earlier try of ours, or by somebody else.
      const known = await read(manifest.point);
      if (
        known !== undefined &&
        sameStoredValue({ ...known, sealedAtUtc: manifest.sealedAtUtc }, manifest)
      ) {
        return path;
      }
      throw new ConflictError(`Manifest ${path} exists with other content`, { target: path });
    },

    async list(vmKey) {
      const addresses: ManifestAddress[] = [];
      try {
        const prefixes = vmKey === undefined ? await listVmPrefixes() : [manifestPrefix(vmKey)];
        for (const prefix of prefixes) {
          for await (const { name } of container.listBlobsFlat({ prefix })) {
            const [, owner, pointId] = MANIFEST_PATH_PATTERN.exec(name) ?? [];
            if (owner !== undefined && pointId !== undefined) {
              addresses.push({ vmKey: owner, pointId });
            }
          }
        }
      } catch (error) {
        throw toBackupError(error, 'list manifests', options.container);
      }
      return addresses.sort((a, b) => (a.pointId < b.pointId ? -1 : a.pointId > b.pointId ? 1 : 0));
    },

    async lease(address, leaseId, durationSeconds) {
      const path = pathOf(address);
      try {
        // The holder itself may acquire again: that renews.
        await container
          .getBlobClient(path)
          .getBlobLeaseClient(leaseId)
          .acquireLease(durationSeconds);
      } catch (error) {
        throw toBackupError(error, `lease manifest ${path}`, path);
      }
    },

    async release(address, leaseId) {
      const path = pathOf(address);
      try {
        await container.getBlobClient(path).getBlobLeaseClient(leaseId).releaseLease();
      } catch (error) {
        const { kind } = coerceAzureError(error);
        if (kind === 'notFound' || kind === 'conflict') return;
        throw toBackupError(error, `release manifest ${path}`, path);
      }
    },
  };

  async function listVmPrefixes(): Promise<string[]> {
    const prefixes: string[] = [];
    for await (const item of container.listBlobsByHierarchy('/')) {
      if (item.kind === 'prefix') prefixes.push(`${item.name}points/`);
    }
    return prefixes;
  }
}
