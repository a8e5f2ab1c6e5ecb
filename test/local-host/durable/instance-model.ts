/** The vocabulary of the Durable engine: instances, the tasks they wait for, the messages they receive. */

export type RuntimeStatus =
  | 'Pending'
  | 'Running'
  | 'Suspended'
  | 'Completed'
  | 'Failed'
  | 'Terminated';

const FINISHED: readonly RuntimeStatus[] = ['Completed', 'Failed', 'Terminated'];

export function isFinished(status: RuntimeStatus): boolean {
  return FINISHED.includes(status);
}

/** The task of a parent that a sub-orchestration answers. */
export interface ParentLink {
  instanceId: string;
  executionId: string;
  taskId: number;
}

/** One row per instance. JSON texts are stored as they travel. Times are milliseconds since the epoch. */
export interface InstanceRow {
  id: string;
  executionId: string;
  name: string;
  version: string;
  status: RuntimeStatus;
  /** JSON text; empty when the instance was started without input. */
  input: string;
  output: string | null;
  customStatus: string | null;
  /** Reason of the suspension, while suspended. */
  suspendReason: string | null;
  createdMs: number;
  updatedMs: number;
  parent: ParentLink | null;
  nextTaskId: number;
  /** Actions that the orchestrator has numbered and the host not yet: see `gate-actions.ts`. */
  deferredActions: number;
  ending: Ending | null;
}

/** What the orchestrator has decided and what waits until nothing is outstanding. */
export type Ending =
  | { kind: 'return'; output: string | null }
  | { kind: 'throw'; output: string; details: string }
  | { kind: 'continueAsNew'; input: string };

export interface RetryOptions {
  firstRetryIntervalInMilliseconds: number;
  maxNumberOfAttempts: number;
  backoffCoefficient?: number;
  maxRetryIntervalInMilliseconds?: number;
  retryTimeoutInMilliseconds?: number;
}

/** Where a task with retry stands; attempts count from 1. */
export interface RetryState {
  options: RetryOptions;
  attempt: number;
  /** Sequence number of the first attempt. */
  firstId: number;
}

/** What one attempt calls. `input` is the JSON text that the callee receives. */
export type CallTarget =
  | { kind: 'activity'; name: string; input: string }
  | { kind: 'sub'; name: string; input: string; childId: string | null; version: string };

/** A task that was scheduled and has not ended. */
export type OpenTask =
  | { kind: 'call'; id: number; target: CallTarget; retry: RetryState | null }
  | { kind: 'timer'; id: number; fireAtMs: number; scheduleIndex: number }
  | {
      kind: 'retryTimer';
      id: number;
      fireAtMs: number;
      target: CallTarget;
      retry: RetryState;
      /** No attempt is left: when it fires, the orchestrator sees the error. */
      isLast: boolean;
    };

/** One action that takes a sequence number, as the orchestrator must produce it again on every replay. */
export interface Schedule {
  id: number;
  kind: 'activity' | 'sub' | 'timer';
  name: string;
  version: string;
  childId: string;
  /**
   * What a rewind made of it. `rewound`: the history no longer says that it was scheduled, so the replay schedules
   * anew whatever stands in its place. `orphaned`: a timer between two attempts whose attempts are rewound; the
   * history holds it, the replay does not come to it.
   */
  fate?: 'rewound' | 'orphaned';
}

/** Something that an instance is told. Those with an execution id are dropped when the execution is over. */
export type InstanceMessage =
  | { kind: 'start' }
  | { kind: 'completed'; executionId: string; taskId: number; result: string | null }
  | { kind: 'failed'; executionId: string; taskId: number; reason: string; details: string }
  | { kind: 'timerFired'; executionId: string; taskId: number }
  | { kind: 'event'; name: string; input: string }
  | { kind: 'terminate'; reason: string }
  | { kind: 'suspend'; reason: string }
  | { kind: 'resume'; reason: string }
  | { kind: 'rewind'; reason: string };

/** A message in the inbox; `seq` is null for a fired timer, which its open task makes durable. */
export interface InboxItem {
  seq: number | null;
  message: InstanceMessage;
}

/** A message as the store holds it. */
export interface StoredMessage {
  instanceId: string;
  item: InboxItem;
  /** Not to be delivered before this instant: a host that is gone had taken it. */
  visibleMs: number;
}

/** An activity that is to be run. */
export interface WorkItem {
  seq: number;
  instanceId: string;
  executionId: string;
  taskId: number;
  name: string;
  input: string;
  /** Not to be run before this instant: another host process may still be at it. */
  visibleMs: number;
}

/** An instance with everything that a turn needs, in memory while the instance is busy. */
export interface Execution {
  row: InstanceRow;
  /** The history so far, each event as JSON text with IsPlayed true. */
  played: string[];
  schedules: Schedule[];
  openTasks: Map<number, OpenTask>;
  /** How many events of each name the history holds. */
  raised: Map<string, number>;
  /** Number of turns, hence of history rows. */
  turns: number;
  inbox: InboxItem[];
  isBusy: boolean;
}
