import { EVENT_TYPES } from './history-events.ts';
import type { InboxItem, InstanceMessage, OpenTask, RetryState } from './instance-model.ts';
import { countRaised } from './load-execution.ts';
import { OrchestratorMisuse } from './orchestrator-actions.ts';
import {
  addEvent,
  closeTask,
  openCall,
  openTimer,
  type TurnDraft,
  takeTaskId,
} from './turn-draft.ts';

type ControlMessage = Extract<InstanceMessage, { kind: 'terminate' | 'suspend' | 'resume' }>;

function isControl(message: InstanceMessage): message is ControlMessage {
  return message.kind === 'terminate' || message.kind === 'suspend' || message.kind === 'resume';
}

function consume(draft: TurnDraft, index: number): void {
  const [item] = draft.execution.inbox.splice(index, 1);
  if (item && item.seq !== null) {
    draft.consumed.push(item.seq);
  }
}

/** Whether a turn would have something to do: a suspended instance hears control messages only. */
export function hasMessages(inbox: readonly InboxItem[], isSuspended: boolean): boolean {
  return isSuspended ? inbox.some((item) => isControl(item.message)) : inbox.length > 0;
}

/** Takes the control message that is next, if one is; it gets a turn of its own. */
export function takeControl(draft: TurnDraft): ControlMessage | undefined {
  const { inbox, row } = draft.execution;
  const index = row.status === 'Suspended' ? inbox.findIndex((i) => isControl(i.message)) : 0;
  const message = inbox[index]?.message;
  if (!message || !isControl(message)) {
    return undefined;
  }
  consume(draft, index);
  return message;
}

/** The delay before the next attempt, as `RetryInterceptor` of github.com/Azure/durabletask computes it, in ms. */
export function retryDelayMs(retry: RetryState): number {
  const { firstRetryIntervalInMilliseconds, backoffCoefficient, maxRetryIntervalInMilliseconds } =
    retry.options;
  const delayMs =
    firstRetryIntervalInMilliseconds * (backoffCoefficient ?? 1) ** (retry.attempt - 1);
  return Math.min(delayMs, maxRetryIntervalInMilliseconds ?? Number.POSITIVE_INFINITY);
}

function findTask(draft: TurnDraft, message: InstanceMessage): OpenTask | undefined {
  if (!('taskId' in message) || message.executionId !== draft.execution.row.executionId) {
    return undefined;
  }
  return draft.execution.openTasks.get(message.taskId);
}

/**
 * Whether the message moves a retry on without the orchestrator noticing. The library takes a sequence number for
 * it (the timer after a failure, the next attempt after the timer) before user code goes on, so such a message must
 * not stand behind another one of the same turn whose new actions are numbered only after the call.
 */
function isRetryStep(message: InstanceMessage, task: OpenTask): boolean {
  return message.kind === 'failed'
    ? task.kind === 'call' && task.retry !== null
    : message.kind === 'timerFired' && task.kind === 'retryTimer' && !task.isLast;
}

function applyRetryStep(draft: TurnDraft, task: OpenTask): void {
  if (draft.execution.row.deferredActions > 0) {
    throw new OrchestratorMisuse(
      'a Task.all failed while a retried task beside it was still at it, the orchestrator went on to its next task, and then the retry took a sequence number: on Azure the next task is only numbered once all of Task.all has ended, so library and host now disagree and results reach the wrong tasks. Let the tasks of a Task.all return their failures',
    );
  }
  if (task.kind === 'retryTimer') {
    openCall(draft, takeTaskId(draft), task.target, {
      options: task.retry.options,
      attempt: task.retry.attempt + 1,
      firstId: task.retry.firstId,
    });
  } else if (task.kind === 'call' && task.retry) {
    // The last failure takes a timer as well, which fires at once.
    const isLast = task.retry.attempt >= task.retry.options.maxNumberOfAttempts;
    openTimer(draft, {
      kind: 'retryTimer',
      id: takeTaskId(draft),
      fireAtMs: draft.nowMs + (isLast ? 0 : retryDelayMs(task.retry)),
      target: task.target,
      retry: task.retry,
      isLast,
    });
  }
}

function recordTaskEvent(draft: TurnDraft, message: InstanceMessage, task: OpenTask): void {
  const isSub = task.kind === 'call' && task.target.kind === 'sub';
  switch (message.kind) {
    case 'completed':
      addEvent(draft, isSub ? EVENT_TYPES.subCompleted : EVENT_TYPES.taskCompleted, {
        TaskScheduledId: message.taskId,
        Result: message.result,
      });
      return;
    case 'failed':
      addEvent(draft, isSub ? EVENT_TYPES.subFailed : EVENT_TYPES.taskFailed, {
        TaskScheduledId: message.taskId,
        Reason: message.reason,
        Details: message.details,
        FailureDetails: null,
      });
      return;
    default:
      if (task.kind !== 'call') {
        addEvent(draft, EVENT_TYPES.timerFired, {
          TimerId: task.id,
          FireAt: new Date(task.fireAtMs).toISOString(),
        });
      }
  }
}

function recordStart(draft: TurnDraft): void {
  const { row } = draft.execution;
  addEvent(draft, EVENT_TYPES.executionStarted, {
    Name: row.name,
    Version: row.version,
    Input: row.input === '' ? null : row.input,
    OrchestrationInstance: { InstanceId: row.id, ExecutionId: row.executionId },
  });
}

/**
 * Moves messages from the inbox into the turn, in order, as far as they may share it. Those of a task that is no
 * longer open, or of an earlier execution, are dropped. Returns whether the orchestrator must be called. Throws
 * `OrchestratorMisuse` when a retry would shift sequence numbers on Azure.
 */
export function takeMessages(draft: TurnDraft): boolean {
  const { inbox } = draft.execution;
  let mustCall = false;
  while (true) {
    const message = inbox[0]?.message;
    if (!message || isControl(message)) {
      return mustCall;
    }
    if (message.kind === 'rewind') {
      consume(draft, 0);
      mustCall = true;
      addEvent(draft, EVENT_TYPES.generic, { Data: message.reason });
      continue;
    }
    if (message.kind === 'start' || message.kind === 'event') {
      consume(draft, 0);
      mustCall = true;
      if (message.kind === 'start') {
        recordStart(draft);
      } else {
        countRaised(draft.execution, message.name);
        addEvent(draft, EVENT_TYPES.eventRaised, { Name: message.name, Input: message.input });
      }
      continue;
    }
    const task = findTask(draft, message);
    if (!task) {
      consume(draft, 0);
      continue;
    }
    const isStep = isRetryStep(message, task);
    if (isStep && mustCall) {
      return mustCall;
    }
    consume(draft, 0);
    recordTaskEvent(draft, message, task);
    closeTask(draft, task.id);
    if (isStep) {
      applyRetryStep(draft, task);
    } else {
      mustCall = true;
    }
  }
}
