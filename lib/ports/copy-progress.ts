import type { ManifestDisk } from '../catalog/manifest.ts';

/** One copy of one point in one target. */
export interface CopyKey {
  readonly vmKey: string;
  readonly pointId: string;
  readonly target: string;
}

/** The try at copying one disk that is in force; earlier tries are fenced off by the blob's lease. */
export interface CopyAttempt {
  readonly diskKey: string;
  /** 6 hex digits. */
  readonly attempt: string;
  readonly runId: string;
  readonly chainId: string;
  readonly kind: 'base' | 'increment';
  readonly baseReason?: string;
  /** Increments only: the sealed copy that this one is built on. */
  readonly previous?: ManifestDisk;
  readonly mover: 'streamed' | 'server';
  /** Why the mover is not the one that was configured. */
  readonly moverReason?: string;
  /** False only for mover `server` without reading: then there is no digest. */
  readonly verified: boolean;
  readonly segmentBytes: number;
  /**
   * The attempt under which finished segments are noted: this one, or the one that it resumes
   * (nobody else has written to the blob in between, as its lease shows).
   */
  readonly lineage: string;
  /** The blob held nothing but its last sealed content when this attempt, or the one that it resumes, began. */
  readonly clean: boolean;
}

/** A finished segment: written, and summed up. */
export interface SegmentProgress {
  readonly index: number;
  /** 64 hex digits of the new content; absent when the copy is not verified. */
  readonly sum?: string;
  readonly copiedBytes: number;
  readonly writtenRanges: number;
  readonly clearedRanges: number;
}

/**
 * How far copies are. Lost rows cost work, never correctness: what is sealed is told by the
 * container. All methods may be repeated.
 */
export interface CopyProgress {
  /** Makes missing tables. */
  prepare(): Promise<void>;
  getAttempt(copy: CopyKey, diskKey: string): Promise<CopyAttempt | undefined>;
  putAttempt(copy: CopyKey, attempt: CopyAttempt): Promise<void>;
  /** Ascending by index. */
  listSegments(
    copy: CopyKey,
    diskKey: string,
    attempt: string,
  ): Promise<readonly SegmentProgress[]>;
  putSegment(
    copy: CopyKey,
    diskKey: string,
    lineage: string,
    segment: SegmentProgress,
  ): Promise<void>;
  getSealedDisk(copy: CopyKey, diskKey: string): Promise<ManifestDisk | undefined>;
  putSealedDisk(copy: CopyKey, disk: ManifestDisk): Promise<void>;
  /** Drops everything known about a copy: its manifest tells the rest. */
  forget(copy: CopyKey): Promise<void>;

  /** Notes that `holder` reads the snapshot, so nobody else's end revokes its grant. */
  holdGrant(snapshotId: string, holder: string): Promise<void>;
  /** Answers how many other holders are left. */
  dropGrant(snapshotId: string, holder: string): Promise<number>;
}
