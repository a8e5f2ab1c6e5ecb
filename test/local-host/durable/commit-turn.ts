import { randomUUID } from 'node:crypto';
import { toPlayedText } from './history-events.ts';
import type { InstanceMessage, InstanceRow, WorkItem } from './instance-model.ts';
import { historyOf, type TurnEnd } from './run-turn.ts';
import type { Store } from './store.ts';
import { childIdOf, type TurnDraft } from './turn-draft.ts';

/** A message that the turn sends, already stored. */
export interface SentMessage {
  instanceId: string;
  seq: number;
  message: InstanceMessage;
}

/** What the engine must do in memory once the turn is on disk. */
export interface CommittedTurn {
  work: WorkItem[];
  sent: SentMessage[];
  children: InstanceRow[];
}

export function createExecutionId(): string {
  return randomUUID().replaceAll('-', '');
}

function send(store: Store, instanceId: string, message: InstanceMessage): SentMessage {
  return { instanceId, message, seq: store.addMessage(instanceId, message) };
}

function startCalls(draft: TurnDraft, store: Store, committed: CommittedTurn): void {
  const { row } = draft.execution;
  for (const { taskId, target } of draft.calls) {
    if (target.kind === 'activity') {
      committed.work.push(
        store.addWork({
          instanceId: row.id,
          executionId: row.executionId,
          taskId,
          name: target.name,
          input: target.input,
          visibleMs: 0,
        }),
      );
      continue;
    }
    const id = childIdOf(draft, target, taskId);
    store.deleteInstance(id);
    const child: InstanceRow = {
      id,
      executionId: createExecutionId(),
      name: target.name,
      version: target.version,
      status: 'Pending',
      input: target.input,
      output: null,
      customStatus: null,
      suspendReason: null,
      createdMs: draft.nowMs,
      updatedMs: draft.nowMs,
      parent: { instanceId: row.id, executionId: row.executionId, taskId },
      nextTaskId: 0,
      deferredActions: 0,
      ending: null,
    };
    store.saveInstance(child);
    committed.children.push(child);
    committed.sent.push(send(store, id, { kind: 'start' }));
  }
}

function answerParent(row: InstanceRow, end: TurnEnd & { kind: 'finished' }): InstanceMessage {
  const { executionId = '', taskId = -1 } = row.parent ?? {};
  if (end.status === 'Completed') {
    return { kind: 'completed', executionId, taskId, result: end.output };
  }
  return {
    kind: 'failed',
    executionId,
    taskId,
    reason: String(JSON.parse(end.output ?? '""')),
    details: end.details,
  };
}

function finish(
  draft: TurnDraft,
  end: TurnEnd & { kind: 'finished' },
  store: Store,
  committed: CommittedTurn,
): void {
  const { row, openTasks, inbox } = draft.execution;
  row.status = end.status;
  row.output = end.output;
  row.suspendReason = null;
  if (end.status !== 'Failed') {
    // A failed instance keeps them: it may be rewound.
    for (const id of openTasks.keys()) {
      store.deleteOpenTask(row.id, id);
    }
    openTasks.clear();
  }
  for (const { seq } of inbox.splice(0)) {
    if (seq !== null) {
      store.deleteMessage(seq);
    }
  }
  if (row.parent) {
    committed.sent.push(send(store, row.parent.instanceId, answerParent(row, end)));
  }
}

function restart(draft: TurnDraft, input: string, store: Store, committed: CommittedTurn): void {
  const { execution } = draft;
  const { row } = execution;
  store.clearExecution(row.id);
  row.executionId = createExecutionId();
  row.input = input;
  row.createdMs = draft.nowMs;
  row.nextTaskId = 0;
  row.deferredActions = 0;
  row.ending = null;
  execution.played = [];
  execution.schedules = [];
  execution.raised.clear();
  execution.turns = 0;
  committed.sent.push(send(store, row.id, { kind: 'start' }));
}

function saveTurn(draft: TurnDraft, end: TurnEnd, store: Store): void {
  const { execution, opened, closed, schedules, rescheduled } = draft;
  const events = historyOf(draft, end);
  if (events.length > 0) {
    const written = [...rescheduled, ...schedules];
    store.appendTurn(execution.row.id, execution.turns, events, written);
    execution.turns += 1;
    execution.played.push(...events.map(toPlayedText));
    execution.schedules.push(...schedules);
  }
  for (const id of closed) {
    store.deleteOpenTask(execution.row.id, id);
  }
  for (const task of opened.values()) {
    store.putOpenTask(execution.row.id, task);
  }
}

/** Writes the turn in one transaction. */
export function commitTurn(draft: TurnDraft, end: TurnEnd, store: Store): CommittedTurn {
  const committed: CommittedTurn = { work: [], sent: [], children: [] };
  const { row } = draft.execution;
  store.transaction(() => {
    for (const seq of draft.consumed) {
      store.deleteMessage(seq);
    }
    row.updatedMs = draft.nowMs;
    if (row.status === 'Pending') {
      row.status = 'Running';
    }
    if (end.kind === 'continueAsNew') {
      restart(draft, end.input, store, committed);
    } else {
      saveTurn(draft, end, store);
      startCalls(draft, store, committed);
      if (end.kind === 'finished') {
        finish(draft, end, store, committed);
      }
    }
    store.saveInstance(row);
  });
  return committed;
}
