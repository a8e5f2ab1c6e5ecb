import { checkDeterminism } from './determinism.ts';
import { createGate } from './gate-actions.ts';
import type { CallTarget, RetryState, Schedule } from './instance-model.ts';
import {
  ACTION_TYPES,
  type Action,
  type ActionList,
  checkNewAction,
  flattenActions,
  isActivityCall,
  OrchestratorMisuse,
} from './orchestrator-actions.ts';
import {
  childIdOf,
  closeTask,
  openCall,
  openTimer,
  type TurnDraft,
  takeTaskId,
} from './turn-draft.ts';

/** What scheduling must know of the world outside the instance. */
export interface SchedulingContext {
  hasActivity(name: string): boolean;
  hasOrchestrator(name: string): boolean;
  activityNames(): string[];
  orchestratorNames(): string[];
  /** Whether an instance of this id is not finished. */
  isInstanceActive(id: string): boolean;
  defaultVersion: string | undefined;
  /** What becomes of a JSON text on its way to the callee. */
  passInput(json: string): string;
}

function knownNames(what: string, names: string[]): string {
  return names.length > 0
    ? `The following are the known ${what} functions: '${names.join("', '")}'.`
    : `No ${what} functions are currently registered!`;
}

function toActivityInput(input: unknown): string {
  // A string was quoted by the library already; null and undefined arrive as an empty object.
  return typeof input === 'string' ? input : JSON.stringify(input ?? {});
}

function toTarget(action: Action, context: SchedulingContext): CallTarget {
  const name = action.functionName ?? '';
  if (isActivityCall(action)) {
    if (!context.hasActivity(name)) {
      throw new OrchestratorMisuse(
        `The function '${name}' doesn't exist, is disabled, or is not an activity function. Additional info: ${knownNames('activity', context.activityNames())} On Azure this instance would stay Running for ever.`,
      );
    }
    return { kind: 'activity', name, input: context.passInput(toActivityInput(action.input)) };
  }
  if (!context.hasOrchestrator(name)) {
    throw new OrchestratorMisuse(
      `The function '${name}' doesn't exist, is disabled, or is not an orchestrator function. Additional info: ${knownNames('orchestrator', context.orchestratorNames())}`,
    );
  }
  return {
    kind: 'sub',
    name,
    input: context.passInput(JSON.stringify(action.input ?? null)),
    childId: action.instanceId || null,
    version: action.version ?? context.defaultVersion ?? '',
  };
}

function scheduleCall(
  draft: TurnDraft,
  action: Action,
  id: number,
  context: SchedulingContext,
): Schedule {
  const target = toTarget(action, context);
  if (target.kind === 'sub') {
    const childId = childIdOf(draft, target, id);
    const isTaken =
      childId === draft.execution.row.id ||
      context.isInstanceActive(childId) ||
      draft.calls.some(
        (call) =>
          call.target.kind === 'sub' && childIdOf(draft, call.target, call.taskId) === childId,
      );
    if (isTaken) {
      throw new OrchestratorMisuse(
        `sub-orchestration '${target.name}' was given the id '${childId}' of an instance that is running; on Azure it silently replaces that instance`,
      );
    }
  }
  const retry: RetryState | null = action.retryOptions
    ? { options: action.retryOptions, attempt: 1, firstId: id }
    : null;
  openCall(draft, id, target, retry);
  return {
    id,
    kind: target.kind,
    name: target.name,
    version: target.kind === 'sub' ? target.version : '',
    childId: target.kind === 'sub' ? childIdOf(draft, target, id) : '',
  };
}

function scheduleTimer(
  draft: TurnDraft,
  action: Action,
  id: number,
  scheduleIndex: number,
): Schedule {
  const fireAtMs = new Date(action.fireAt ?? Number.NaN).getTime();
  if (Number.isNaN(fireAtMs)) {
    throw new OrchestratorMisuse('createTimer was given an invalid date');
  }
  if (!action.isCanceled) {
    openTimer(draft, { kind: 'timer', id, fireAtMs, scheduleIndex });
  }
  return { id, kind: 'timer', name: '', version: '', childId: '' };
}

/** Schedules the action at `index`: a new one, or one in the place of a rewound one, whose number it takes over. */
function schedule(
  draft: TurnDraft,
  action: Action,
  index: number,
  context: SchedulingContext,
): void {
  checkNewAction(action);
  const { schedules } = draft.execution;
  const rewound = schedules[index];
  const id = rewound?.id ?? takeTaskId(draft);
  const scheduled =
    action.actionType === ACTION_TYPES.createTimer
      ? scheduleTimer(draft, action, id, index)
      : scheduleCall(draft, action, id, context);
  if (rewound) {
    schedules[index] = scheduled;
    draft.rescheduled.push(scheduled);
  } else {
    draft.schedules.push(scheduled);
  }
}

function closeCancelledTimers(draft: TurnDraft, numbered: readonly Action[]): void {
  for (const task of draft.execution.openTasks.values()) {
    if (task.kind === 'timer' && numbered[task.scheduleIndex]?.isCanceled) {
      closeTask(draft, task.id);
    }
  }
}

/**
 * Compares the actions of a reply with those of earlier turns, numbers and schedules those new ones whose turn has
 * come, and drops timers that were cancelled. Throws `NonDeterminismError` or `OrchestratorMisuse`; the draft must
 * then be thrown away.
 */
export function scheduleActions(
  draft: TurnDraft,
  actions: readonly Action[],
  context: SchedulingContext,
): ActionList {
  const list = flattenActions(actions);
  const { execution } = draft;
  const known = execution.schedules.length;
  checkDeterminism(execution.schedules, list.numbered);
  closeCancelledTimers(draft, list.numbered);
  const gate = createGate(draft);
  let index = 0;
  for (const [position, action] of actions.entries()) {
    const end = list.ends[position] ?? index;
    for (; index < end; index += 1) {
      const numbered = list.numbered[index];
      if (numbered && (index >= known || execution.schedules[index]?.fate === 'rewound')) {
        schedule(draft, numbered, index, context);
      }
    }
    if (!gate.hasEnded(action)) {
      break;
    }
  }
  execution.row.deferredActions = list.numbered.length - index;
  return list;
}
