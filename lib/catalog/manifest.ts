import type { RestorePoint } from './restore-point.ts';

/**
 * What lies beside the data of a sealed replica: everything that a restore needs when the first
 * region and every table are gone. Written once, last, when all disks are sealed.
 */
export interface Manifest {
  readonly formatVersion: 1;
  readonly kind: 'lockstep-manifest';
  /** Name of the replica target, as the writing deployment calls it. */
  readonly target: string;
  readonly sealedAtUtc: string;
  readonly point: RestorePoint;
  readonly disks: readonly ManifestDisk[];
  readonly holds: readonly { readonly name: string; readonly sinceUtc: string }[];
}

export interface ManifestDisk {
  readonly diskKey: string;
  readonly lun: number;
  readonly sizeBytes: number;
  readonly chainId: string;
  /** Path of the chain's page blob inside the container. */
  readonly blobPath: string;
  /** The `snapshot` query value of the sealed blob snapshot, verbatim. */
  readonly blobSnapshot: string;
  /** ETag of the base blob right after the sealing snapshot. */
  readonly etagAtSeal: string;
  readonly kind: 'base' | 'increment';
  /** Why this copy is a base, for people: `firstCopy`, `diskReplaced`, … */
  readonly baseReason?: string;
  readonly mover: 'streamed' | 'server';
  /** The managed snapshot that was copied: the next increment needs it. */
  readonly source: {
    readonly snapshotId: string;
    readonly uniqueId: string;
    readonly familyId: string;
    readonly timeCreatedUtc: string;
  };
  /** Absent when `proof` is `none`. */
  readonly digest?: ContentDigest;
  /**
   * `byDiff`: from the ranges the platform named; `audited`: from a whole read of the source; `none`:
   * the bytes went from account to account unread (mover `server` without verification).
   */
  readonly proof: 'byDiff' | 'audited' | 'none';
  readonly copiedBytes: number;
}

/**
 * The content digest of a disk image (docs/format.md, "Digest"): one sum per segment, each 64 lower
 * hex digits. Covers the disk's bytes without the VHD footer.
 */
export interface ContentDigest {
  readonly algorithm: 'sum-sha256-4k';
  readonly segmentBytes: number;
  readonly segments: readonly string[];
}
