/** Consistency that a point achieved, best first. docs/format.md says what each one means. */
export const LABELS = ['application', 'offline', 'fileSystem', 'crash', 'uncoordinated'] as const;
export type ConsistencyLabel = (typeof LABELS)[number];

/** Whether `achieved` is at least as good as `wanted`. */
export const meetsLabel = (achieved: ConsistencyLabel, wanted: ConsistencyLabel): boolean =>
  LABELS.indexOf(achieved) <= LABELS.indexOf(wanted);

export type ProviderName = 'lockstep' | 'crash' | 'restorePoint' | 'offline';

/** What the caller or the policy asked of a point. */
export interface ConsistencyRequest {
  readonly provider: ProviderName;
  readonly label: ConsistencyLabel;
  /** The lowest label that is still recorded when `label` is missed; absent: the run fails. */
  readonly accept?: ConsistencyLabel;
  /** How long the guest may stay frozen before it thaws itself. 1000 to 30000. */
  readonly freezeDeadlineMs: number;
}

/** One step of the evidence, in the order in which the service observed it. */
export interface EvidenceEvent {
  readonly order: number;
  readonly what:
    | 'helloRead'
    | 'goWritten'
    | 'frozenRead'
    | 'snapshotRequested'
    | 'snapshotSucceeded'
    | 'snapshotRefused'
    | 'releaseWritten'
    | 'abortWritten'
    | 'thawedRead'
    | 'failedRead'
    | 'doneRead';
  /** For people only; the verdict never compares clocks. */
  readonly atUtc: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** The consistency that was achieved, and why. */
export interface Verdict {
  readonly provider: ProviderName;
  readonly requested: ConsistencyLabel;
  readonly achieved: ConsistencyLabel;
  /** One sentence for each fact that made or lowered the label. Never empty. */
  readonly reasons: readonly string[];
  readonly evidence: readonly EvidenceEvent[];
  /** How long the guest held its file systems, by the guest's own clock; lockstep only. */
  readonly freezeHeldMs?: number;
  /** From sending the slowest snapshot request until it was Succeeded. */
  readonly slowestSnapshotMs?: number;
}
