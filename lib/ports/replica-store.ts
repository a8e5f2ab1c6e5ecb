import type { ByteRange } from '../transfer/byte-ranges.ts';

/** Which copy a chain blob was last written for, or what a sealed blob snapshot holds. */
export interface ReplicaStamp {
  readonly deploymentId: string;
  readonly pointId: string;
  readonly diskKey: string;
  /** 6 hex digits: one try at copying this disk of this point. */
  readonly attempt: string;
}

export interface SealedSnapshot {
  /** The `snapshot` query value, verbatim. */
  readonly blobSnapshot: string;
  /** Absent on a snapshot that we did not seal. */
  readonly stamp?: ReplicaStamp;
}

/** A page blob `<vmKey>/<diskKey>/<chainId>.vhd` with its snapshots, oldest first. */
export interface ChainBlob {
  readonly blobPath: string;
  readonly chainId: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly stamp?: ReplicaStamp;
  readonly snapshots: readonly SealedSnapshot[];
}

/**
 * Chains of disk copies in one container. Sizes are those of the page blob: the disk and 512 bytes
 * of VHD footer. Writers hold an infinite lease, and every write carries its id, so a writer whose
 * lease was taken over, and only such a one, gets a `ConflictError`. Throttling is a `ThrottledError`.
 */
export interface ReplicaStore {
  /** The chains of one disk, by blob path. */
  listChains(vmKey: string, diskKey: string): Promise<readonly ChainBlob[]>;
  /**
   * Makes the blob if there is none, takes its lease over from whoever holds it, grows it to
   * `sizeBytes` if it is smaller, and stamps it. May be repeated with the same `leaseId`.
   */
  begin(
    blobPath: string,
    options: {
      readonly sizeBytes: number;
      readonly leaseId: string;
      /** Leases that may be in force, likeliest first; any other one is broken. */
      readonly knownLeaseIds: readonly string[];
      readonly stamp: ReplicaStamp;
    },
  ): Promise<BegunReplica>;
  /** Touches nothing: a lease that is not held shows at the first write. */
  openForWriting(blobPath: string, leaseId: string): ReplicaWriter;
  /** Undefined when the blob or this snapshot of it is missing. */
  openSealed(blobPath: string, blobSnapshot: string): Promise<SealedReplica | undefined>;
}

export interface BegunReplica {
  /** The blob did not exist: nothing in it is allocated. */
  readonly created: boolean;
  /** The blob's ETag once nobody else could write any more, before `begin` changed anything. */
  readonly etag: string;
  /** The known lease that was in force until now. Absent: the blob may have had other writers. */
  readonly takenOverFrom?: string;
}

export interface ReplicaWriter {
  /** Offset and length are multiples of 512, at most 4 MiB. The service checks the bytes' MD5. */
  write(offset: number, bytes: Uint8Array, signal?: AbortSignal): Promise<void>;
  /**
   * The service fetches the range, at the same offset, from `sourceUrl`, and checks `md5` if given.
   * `BackupError` `CopySourceRefused`: the platform could not read the source (an expired SAS is one
   * cause); `CopySourceNotCopyable`: it never reads such a source.
   */
  writeFromUrl(
    range: ByteRange,
    sourceUrl: string,
    options: { readonly md5?: Uint8Array; readonly signal?: AbortSignal },
  ): Promise<void>;
  /** Frees the range; it reads as zeros from here on. Any length that is a multiple of 512. */
  clear(range: ByteRange, signal?: AbortSignal): Promise<void>;
  /**
   * Ranges inside `window` that hold something (without `sinceBlobSnapshot`), or that differ in any
   * way from that snapshot of the blob.
   */
  listDirty(
    window: ByteRange,
    sinceBlobSnapshot?: string,
    signal?: AbortSignal,
  ): Promise<readonly ByteRange[]>;
  /**
   * Takes the blob snapshot that makes the copy immutable, or finds the one that was taken for
   * this point before. `etag` is the base blob's afterwards.
   */
  seal(stamp: ReplicaStamp): Promise<{ readonly blobSnapshot: string; readonly etag: string }>;
}

export interface SealedReplica {
  readonly sizeBytes: number;
  readonly stamp?: ReplicaStamp;
  listAllocated(window: ByteRange, signal?: AbortSignal): Promise<readonly ByteRange[]>;
  /** Fills `into` with the bytes from `offset` on. Rejects rather than leave a part unfilled. */
  read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void>;
}
