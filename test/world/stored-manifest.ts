import { DEPLOYMENT } from './app-settings.ts';
import { blobService, type World } from './start-world.ts';

/** A manifest as it lies in the replica container, read with the account's key as any tool would. */
export interface StoredManifest {
  readonly sealedAtUtc: string;
  readonly disks: readonly {
    readonly diskKey: string;
    readonly lun: number;
    readonly sizeBytes: number;
    readonly blobPath: string;
    readonly blobSnapshot: string;
    readonly kind: string;
    readonly mover: string;
    readonly digest: { readonly segments: readonly string[] };
  }[];
}

export async function readStoredManifest(world: World, path: string): Promise<StoredManifest> {
  const container = blobService(world.azure, DEPLOYMENT.replicaAccount).getContainerClient(
    DEPLOYMENT.replicaContainer,
  );
  const data = await container.getBlobClient(path).downloadToBuffer();
  return JSON.parse(data.toString('utf8')) as StoredManifest;
}
