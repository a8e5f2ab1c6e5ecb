import type { Manifest } from '../catalog/manifest.ts';

export interface ManifestAddress {
  readonly vmKey: string;
  readonly pointId: string;
}

/** Manifests beside the data of one replica container. */
export interface ManifestStore {
  /**
   * Creates the manifest. One that is there already and says the same, whenever it was sealed, is
   * accepted; another one is a `ConflictError`. Answers the blob's path.
   */
  write(manifest: Manifest): Promise<string>;
  /** Undefined when there is none; `MalformedDataError` naming path and field when it is corrupt. */
  read(address: ManifestAddress): Promise<Manifest | undefined>;
  /** Oldest point first; of one VM, or of all. */
  list(vmKey?: string): Promise<readonly ManifestAddress[]>;
  /**
   * Takes the manifest's lease (a UUID of the restore's own) for `durationSeconds` (15 to 60), so
   * that expiry cannot pass; taking it again renews it. Another holder: `ConflictError`.
   */
  lease(address: ManifestAddress, leaseId: string, durationSeconds: number): Promise<void>;
  /** Fine when the lease or the manifest is gone. */
  release(address: ManifestAddress, leaseId: string): Promise<void>;
}
