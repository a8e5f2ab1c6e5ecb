import type { Outcome } from '../outcome.ts';

export interface SnapshotOrder {
  /**
   * A name that was never used before: Azure accepts a PUT of an existing snapshot with the same
   * source and keeps the *old* content.
   */
  readonly name: string;
  readonly diskId: string;
  /** The disk's region; a snapshot cannot be taken anywhere else. */
  readonly region: string;
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * A snapshot that the platform is taking. Plain data, but for this process only: a polling URL may
 * be signed, so it is never stored, returned or logged.
 */
export interface SnapshotInProgress {
  readonly snapshotId: string;
  readonly pollingUrl?: string;
  /** The platform asked not to be polled earlier. */
  readonly retryAfterMs?: number;
}

export type SnapshotProgress =
  | { readonly state: 'running'; readonly retryAfterMs?: number }
  /** The content is fixed. */
  | { readonly state: 'succeeded' }
  /** Final: this name must not be used again. */
  | { readonly state: 'failed'; readonly errorCode: string; readonly message: string };

export interface SnapshotResource {
  readonly snapshotId: string;
  readonly name: string;
  readonly resourceGroup: string;
  readonly region: string;
  /** `Succeeded`, `Creating`, `Failed`, … */
  readonly provisioningState: string;
  readonly uniqueId: string;
  readonly familyId: string;
  readonly timeCreatedUtc: string;
  readonly sizeBytes: number;
  readonly sourceDiskId: string;
  readonly sourceDiskUniqueId: string;
  readonly incremental: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Incremental managed-disk snapshots in the service's own resource group. What may be cured by a
 * retry is thrown (`ThrottledError` for 429), and nothing is tried twice by itself.
 */
export interface SnapshotStore {
  /** The ARM id that a snapshot of this name has or will have. */
  idOf(name: string): string;
  /**
   * Asks for a snapshot and settles as soon as the platform has accepted or refused: it does not wait
   * for the snapshot. Refusals carry `SnapshotRefused`. The moment whose content is kept lies between
   * the request and `succeeded`; where exactly is not documented.
   */
  begin(order: SnapshotOrder, signal?: AbortSignal): Promise<Outcome<SnapshotInProgress>>;
  /** Asks once how far it is. */
  poll(snapshot: SnapshotInProgress, signal?: AbortSignal): Promise<SnapshotProgress>;
  /** Undefined when there is none. */
  get(snapshotId: string): Promise<SnapshotResource | undefined>;
  /** Deletes and waits until it is gone. Fine when there is none. */
  remove(snapshotId: string): Promise<void>;
}
