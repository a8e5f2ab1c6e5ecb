import type { RunKind } from './identifiers.ts';

/** One attempt of the service at something long: a protect, replicate, restore or expire run. */
export interface Run {
  readonly formatVersion: 1;
  readonly runId: string;
  readonly kind: RunKind;
  readonly vmKey: string;
  /** The Durable instance that works on it. */
  readonly instanceId: string;
  readonly state: 'running' | 'succeeded' | 'failed';
  readonly startedAtUtc: string;
  readonly endedAtUtc?: string;
  readonly pointId?: string;
  readonly failure?: { readonly errorCode: string; readonly message: string };
  /** What the run made, for its caller; JSON without secrets. */
  readonly result?: Readonly<Record<string, unknown>>;
}

export type MadeKind =
  | 'snapshot'
  | 'sasGrant'
  | 'runCommand'
  | 'guestSession'
  | 'scratchBlob'
  | 'disk'
  | 'nic'
  | 'vm';

/**
 * Something that a run made and somebody must remove unless the run ends well. The row is written
 * before the thing is made, so that a crash between the two leaves a row, never an orphan.
 */
export interface MadeResource {
  readonly runId: string;
  readonly kind: MadeKind;
  /** ARM id, or `account/container/blob`. */
  readonly resourceId: string;
  /** made: the run still needs it. doomed: nobody does, `expire` deletes it. */
  readonly state: 'made' | 'doomed';
  readonly sinceUtc: string;
  readonly reason?: string;
}

/** Keeps a protect run and a restore in place of one VM apart. */
export interface VmLock {
  readonly vmKey: string;
  readonly ownerRunId: string;
  readonly expiresAtUtc: string;
}

/** A VM that we know, seen by discovery or named by a point. */
export interface KnownVm {
  readonly vmKey: string;
  readonly vmId: string;
  readonly name: string;
  readonly region: string;
  readonly lastSeenUtc: string;
}
