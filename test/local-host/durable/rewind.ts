import { createEvent, EVENT_TYPES, type HistoryEvent } from './history-events.ts';
import { type InstanceRow, isFinished, type OpenTask, type Schedule } from './instance-model.ts';
import { loadExecution } from './load-execution.ts';
import type { Store } from './store.ts';

/** The rewound instance would stay Running for ever on Azure; nothing of the rewind was kept. */
export class RewindHangError extends Error {
  constructor(reason: string) {
    super(`${reason}; after this rewind the instance would stay Running for ever on Azure`);
    this.name = 'RewindHangError';
  }
}

export interface Rewind {
  /** All instances that run again, from the one asked for down to its failed children. */
  instances: string[];
  /** Those that are to be woken with the reason: the deepest failed ones. */
  leaves: string[];
}

function clear(event: HistoryEvent): HistoryEvent {
  return createEvent(EVENT_TYPES.generic, event.Timestamp, { Data: null }, event.EventId);
}

/** What the failures of a history are: numbers of the tasks. */
function findFailures(events: readonly HistoryEvent[]): { calls: Set<number>; subs: Set<number> } {
  const idsOf = (type: number): Set<number> =>
    new Set(
      events
        .filter((event) => event.EventType === type)
        .map((event) => Number(event['TaskScheduledId'])),
    );
  return { calls: idsOf(EVENT_TYPES.taskFailed), subs: idsOf(EVENT_TYPES.subFailed) };
}

function isCleared(event: HistoryEvent, failedCalls: ReadonlySet<number>): boolean {
  switch (event.EventType) {
    case EVENT_TYPES.taskFailed:
    case EVENT_TYPES.subFailed:
      return true;
    case EVENT_TYPES.taskScheduled:
      return failedCalls.has(event.EventId);
    case EVENT_TYPES.executionCompleted:
      return event['OrchestrationStatus'] === 'Failed';
    default:
      return false;
  }
}

/** The first timer between attempts that the history still holds: the replay fails there. */
function findOrphan(
  events: readonly HistoryEvent[],
  schedules: readonly Schedule[],
): Schedule | undefined {
  const timers = new Set(schedules.filter(({ kind }) => kind === 'timer').map(({ id }) => id));
  const orphan = events.find(
    (event) => event.EventType === EVENT_TYPES.timerCreated && !timers.has(event.EventId),
  );
  return (
    orphan && {
      id: orphan.EventId,
      kind: 'timer',
      name: '',
      version: '',
      childId: '',
      fate: 'orphaned',
    }
  );
}

/** Rewrites the history of one instance; returns its events, and whether the replay is bound to fail. */
function rewriteHistory(
  row: InstanceRow,
  failedCalls: Set<number>,
  store: Store,
): { events: HistoryEvent[]; isOrphaned: boolean } {
  const turns = store.readTurns(row.id).map(({ events, schedules }) => ({
    events: events.map((event) => (isCleared(event, failedCalls) ? clear(event) : event)),
    schedules: schedules
      .filter(({ fate }) => fate !== 'orphaned')
      .map((schedule) =>
        schedule.kind === 'activity' && failedCalls.has(schedule.id)
          ? { ...schedule, fate: 'rewound' as const }
          : schedule,
      ),
  }));
  const events = turns.flatMap((turn) => turn.events);
  const orphan = findOrphan(
    events,
    turns.flatMap((turn) => turn.schedules),
  );
  for (const [index, turn] of turns.entries()) {
    const isLast = index === turns.length - 1;
    const schedules = isLast && orphan ? [...turn.schedules, orphan] : turn.schedules;
    store.replaceTurn(row.id, index, turn.events, schedules);
  }
  return { events, isOrphaned: orphan !== undefined };
}

function findChild(row: InstanceRow, taskId: number, childId: string, store: Store): InstanceRow {
  const child = store.getInstance(childId);
  const { instanceId, executionId, taskId: task } = child?.parent ?? {};
  if (!child || instanceId !== row.id || executionId !== row.executionId || task !== taskId) {
    throw new RewindHangError(
      `the sub-orchestration '${childId}' of '${row.id}' was purged or replaced`,
    );
  }
  return child;
}

/** Throws for a task that was outstanding when the instance failed and whose outcome has been dropped since. */
function checkOutstanding(row: InstanceRow, task: OpenTask, store: Store, nowMs: number): void {
  const lost = (what: string): RewindHangError =>
    new RewindHangError(
      `what ${what} of '${row.id}' came to was dropped while '${row.id}' had failed`,
    );
  if (task.kind !== 'call') {
    if (task.fireAtMs <= nowMs) {
      throw lost(`timer ${task.id}`);
    }
    return;
  }
  if (task.target.kind === 'activity') {
    const isUnderWay = store
      .listWork()
      .some((item) => item.executionId === row.executionId && item.taskId === task.id);
    if (!isUnderWay) {
      throw lost(`the activity '${task.target.name}'`);
    }
    return;
  }
  const childId = task.target.childId ?? `${row.executionId}:${task.id}`;
  if (isFinished(findChild(row, task.id, childId, store).status)) {
    throw lost(`the sub-orchestration '${childId}'`);
  }
}

function lastNumber(events: readonly HistoryEvent[], schedules: readonly Schedule[]): number {
  const last = schedules.reduce((most, { id }) => Math.max(most, id), -1);
  return events
    .filter(({ EventType: type }) => type !== EVENT_TYPES.generic)
    .reduce((most, { EventId: id }) => Math.max(most, id), last);
}

function rewindOne(row: InstanceRow, store: Store, nowMs: number, rewind: Rewind): void {
  const before = store.readTurns(row.id).flatMap((turn) => turn.events);
  if (before.length === 0) {
    throw new RewindHangError(`the instance '${row.id}' never had a turn`);
  }
  const failures = findFailures(before);
  const { events, isOrphaned } = rewriteHistory(row, failures.calls, store);
  for (const task of isOrphaned ? [] : store.listOpenTasks(row.id)) {
    checkOutstanding(row, task, store, nowMs);
  }
  const { schedules } = loadExecution(row, store);
  Object.assign(row, {
    status: 'Pending',
    output: null,
    suspendReason: null,
    ending: null,
    deferredActions: 0,
    nextTaskId: lastNumber(events, schedules) + 1,
    updatedMs: nowMs,
  } satisfies Partial<InstanceRow>);
  store.saveInstance(row);
  rewind.instances.push(row.id);
  for (const event of events) {
    if (event.EventType === EVENT_TYPES.subCreated && failures.subs.has(event.EventId)) {
      rewindChild(row, event, failures.subs, store, nowMs, rewind);
    }
  }
  if (failures.subs.size === 0) {
    rewind.leaves.push(row.id);
  }
}

function rewindChild(
  row: InstanceRow,
  created: HistoryEvent,
  failedSubs: ReadonlySet<number>,
  store: Store,
  nowMs: number,
  rewind: Rewind,
): void {
  const childId = String(created['InstanceId']);
  const attempt = store.getInstance(childId)?.parent?.taskId ?? created.EventId;
  if (attempt !== created.EventId && failedSubs.has(attempt)) {
    // A later attempt took the place of this one, under the same id.
    return;
  }
  const child = findChild(row, created.EventId, childId, store);
  if (child.status === 'Failed') {
    rewindOne(child, store, nowMs, rewind);
  } else if (isFinished(child.status)) {
    throw new RewindHangError(
      `the sub-orchestration '${childId}' of '${row.id}' is ${child.status}`,
    );
  }
  store.putOpenTask(row.id, {
    kind: 'call',
    id: created.EventId,
    target: {
      kind: 'sub',
      name: String(created['Name']),
      input: String(created['Input']),
      childId,
      version: String(created['Version']),
    },
    retry: null,
  });
}

/**
 * Takes the failures out of the history of a failed instance and of its failed children, as
 * `AzureTableTrackingStore.RewindHistoryAsync` of github.com/Azure/durabletask does: failed tasks, the scheduling of
 * failed activities and the failed ending become generic events; a failed child stays scheduled and is rewound itself.
 * The timers between attempts stay, so that an instance in which anything was retried fails the next replay as
 * non-deterministic (issue 811 there), and so does one that went on after a failure it had caught
 * (github.com/Azure/azure-functions-durable-extension issue 444). Is to be called in a transaction. Throws
 * `RewindHangError`; the transaction must then be rolled back.
 */
export function rewindInstance(row: InstanceRow, store: Store, nowMs: number): Rewind {
  const rewind: Rewind = { instances: [], leaves: [] };
  rewindOne({ ...row }, store, nowMs, rewind);
  return rewind;
}
