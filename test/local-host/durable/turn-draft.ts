import type { HostClock } from '../host-clock.ts';
import { createEvent, EVENT_TYPES, type EventType, type HistoryEvent } from './history-events.ts';
import type { CallTarget, Execution, OpenTask, RetryState, Schedule } from './instance-model.ts';

/** An activity to enqueue or a child to start, once the turn is committed. */
export interface Call {
  taskId: number;
  target: CallTarget;
}

/** What one turn changes; nothing of it is visible outside before it is committed as one transaction. */
export interface TurnDraft {
  execution: Execution;
  timestamp: string;
  nowMs: number;
  events: HistoryEvent[];
  /** Events that schedule something: they stand behind all others of the turn. */
  decisions: HistoryEvent[];
  schedules: Schedule[];
  /** Those that take the place of rewound ones. */
  rescheduled: Schedule[];
  opened: Map<number, OpenTask>;
  closed: number[];
  calls: Call[];
  /** Sequence numbers of the messages that this turn takes off the inbox. */
  consumed: number[];
}

export function createTurnDraft(execution: Execution, clock: HostClock): TurnDraft {
  const nowMs = clock.nowMs();
  return {
    execution,
    timestamp: new Date(nowMs).toISOString(),
    nowMs,
    events: [],
    decisions: [],
    schedules: [],
    rescheduled: [],
    opened: new Map(),
    closed: [],
    calls: [],
    consumed: [],
  };
}

export function addEvent(
  draft: TurnDraft,
  type: EventType,
  members: Record<string, unknown> = {},
): void {
  draft.events.push(createEvent(type, draft.timestamp, members));
}

function addDecision(
  draft: TurnDraft,
  type: EventType,
  id: number,
  members: Record<string, unknown>,
): void {
  draft.decisions.push(createEvent(type, draft.timestamp, members, id));
}

export function takeTaskId(draft: TurnDraft): number {
  const { row } = draft.execution;
  const id = row.nextTaskId;
  row.nextTaskId += 1;
  return id;
}

function openTask(draft: TurnDraft, task: OpenTask): void {
  draft.execution.openTasks.set(task.id, task);
  draft.opened.set(task.id, task);
}

export function closeTask(draft: TurnDraft, id: number): void {
  draft.execution.openTasks.delete(id);
  if (!draft.opened.delete(id)) {
    draft.closed.push(id);
  }
}

/** Takes back whatever the turn would schedule: it has failed. */
export function discardDecisions(draft: TurnDraft): void {
  for (const id of draft.opened.keys()) {
    draft.execution.openTasks.delete(id);
  }
  draft.opened.clear();
  draft.calls = [];
  draft.decisions = [];
  draft.schedules = [];
  draft.rescheduled = [];
}

/** The instance id of the child that `target` starts as task `id`. */
export function childIdOf(
  draft: TurnDraft,
  target: CallTarget & { kind: 'sub' },
  id: number,
): string {
  return target.childId ?? `${draft.execution.row.executionId}:${id}`;
}

/** Schedules one attempt of a call under the sequence number `id`. */
export function openCall(
  draft: TurnDraft,
  id: number,
  target: CallTarget,
  retry: RetryState | null,
): void {
  openTask(draft, { kind: 'call', id, target, retry });
  draft.calls.push({ taskId: id, target });
  if (target.kind === 'activity') {
    addDecision(draft, EVENT_TYPES.taskScheduled, id, {
      Name: target.name,
      Version: '',
      Input: `[${target.input}]`,
    });
  } else {
    addDecision(draft, EVENT_TYPES.subCreated, id, {
      Name: target.name,
      Version: target.version,
      InstanceId: childIdOf(draft, target, id),
      Input: target.input,
    });
  }
}

export function openTimer(
  draft: TurnDraft,
  task: OpenTask & { kind: 'timer' | 'retryTimer' },
): void {
  openTask(draft, task);
  addDecision(draft, EVENT_TYPES.timerCreated, task.id, {
    FireAt: new Date(task.fireAtMs).toISOString(),
  });
}
