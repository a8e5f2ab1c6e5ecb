/** How far the copy of a sealed blob snapshot into a scratch blob is. */
export type ScratchCopy =
  | { readonly state: 'copying'; readonly copiedBytes: number; readonly totalBytes: number }
  | { readonly state: 'copied'; readonly url: string; readonly storageAccountId: string }
  | { readonly state: 'failed'; readonly reason: string };

/**
 * Scratch page blobs in a replica account: writeable copies of sealed blob snapshots, from which a
 * managed disk can be imported (no disk can be imported from a blob snapshot: Azure's managed-disks
 * FAQ). Names are `<runId>/<diskKey>.vhd`.
 */
export interface ScratchStore {
  /** `account/container/blob`, as rows about what a run made name it. */
  resourceIdOf(name: string): string;
  /**
   * Begins the copy on the service's side, or finds the one that was begun before under this name.
   * The snapshot is missing: `BackupError` `BlobSnapshotMissing`.
   */
  copyFromSnapshot(
    name: string,
    source: { readonly blobPath: string; readonly blobSnapshot: string },
  ): Promise<ScratchCopy>;
  /** Undefined when there is no such blob. */
  inspect(name: string): Promise<ScratchCopy | undefined>;
  /** Fine when it is gone. */
  remove(name: string): Promise<void>;
}
