import type { ByteRange, ChangedRange } from '../transfer/byte-ranges.ts';

/** What identifies the content of a managed snapshot. */
export interface SnapshotFacts {
  readonly snapshotId: string;
  readonly uniqueId: string;
  /** Diffs exist only inside one family. */
  readonly familyId: string;
  readonly timeCreatedUtc: string;
  readonly sizeBytes: number;
}

/**
 * Reads managed incremental snapshots through a read grant (a SAS). The grant is minted when it is
 * first needed, kept in memory only, and shared by everybody in this process who reads the snapshot.
 * The platform opens at most five snapshots of one family at a time (Azure's "Restrictions of
 * incremental snapshots"), so a reader who is done must see to `revoke`.
 */
export interface SnapshotReader {
  /** Undefined when there is no such snapshot any more. */
  describe(snapshotId: string): Promise<SnapshotFacts | undefined>;
  /** `sizeBytes` is the disk's size; ranges and reads end there, before the VHD footer. */
  open(snapshotId: string, sizeBytes: number): OpenSnapshot;
  /** Ends the grant, for every reader of the snapshot. Fine when there is none, or no snapshot. */
  revoke(snapshotId: string): Promise<void>;
}

export interface OpenSnapshot {
  readonly snapshotId: string;
  readonly sizeBytes: number;
  /** Allocated ranges inside `window`, ascending. */
  listAllocated(window: ByteRange, signal?: AbortSignal): Promise<readonly ByteRange[]>;
  /**
   * What differs from `previous`, an older snapshot of the same family, inside `window`. A
   * `BackupError` `DiffRefused`: the platform does not compare these two.
   */
  listChanged(
    previous: OpenSnapshot,
    window: ByteRange,
    signal?: AbortSignal,
  ): Promise<readonly ChangedRange[]>;
  /** Fills `into` with the bytes from `offset` on. Rejects rather than leave a part unfilled. */
  read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void>;
  /**
   * A URL with which another account can read the snapshot: a secret, to be used at once and kept
   * nowhere. `refusedUrl` is one that was refused: the answer is another one, newly minted.
   */
  sourceUrl(refusedUrl?: string): Promise<string>;
}
