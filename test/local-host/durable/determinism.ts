import type { Schedule } from './instance-model.ts';
import {
  ACTION_TYPES,
  type Action,
  isActivityCall,
  isSubOrchestratorCall,
} from './orchestrator-actions.ts';

/** The orchestrator scheduled something else than in an earlier turn. */
export class NonDeterminismError extends Error {
  constructor(message: string) {
    super(`Non-Deterministic workflow detected: ${message}`);
    this.name = 'NonDeterminismError';
  }
}

const ADVICE =
  'Was a change made to the orchestrator code after this instance had already started running?';

function actionClass(action: Action): string {
  if (isActivityCall(action)) {
    return 'ScheduleTaskOrchestratorAction';
  }
  if (isSubOrchestratorCall(action)) {
    return 'CreateSubOrchestrationAction';
  }
  return action.actionType === ACTION_TYPES.createTimer
    ? 'CreateTimerOrchestratorAction'
    : 'SendEventOrchestratorAction';
}

function isSameName(left: string, right: string | undefined): boolean {
  return left.toLowerCase() === (right ?? '').toLowerCase();
}

function describeSub(schedule: Schedule): string {
  return `A previous execution of this orchestration scheduled a sub-orchestration task with sequence ID ${schedule.id} and name '${schedule.name}' (version '${schedule.version}', instance ID '${schedule.childId}')`;
}

function findMismatch(schedule: Schedule, action: Action | undefined): string | undefined {
  const { id, name, version } = schedule;
  if (schedule.fate === 'rewound') {
    return undefined;
  }
  switch (schedule.kind) {
    case 'activity': {
      if (!action) {
        return `A previous execution of this orchestration scheduled an activity task with sequence ID ${id} and name '${name}' (version '${version}'), but the current replay execution hasn't (yet?) scheduled this task. ${ADVICE}`;
      }
      const before = `A previous execution of this orchestration scheduled an activity task with sequence number ${id} named '${name}'`;
      if (!isActivityCall(action)) {
        return `${before}, but the current orchestration replay instead produced a ${actionClass(action)} action with this sequence number. ${ADVICE}`;
      }
      return isSameName(name, action.functionName)
        ? undefined
        : `${before}, but the current orchestration replay instead scheduled an activity task named '${action.functionName}' with this sequence number.  ${ADVICE}`;
    }
    case 'timer': {
      const before = `A previous execution of this orchestration scheduled a timer task with sequence number ${id}`;
      if (!action || schedule.fate === 'orphaned') {
        return `${before} but the current replay execution hasn't (yet?) scheduled this task. ${ADVICE}`;
      }
      return action.actionType === ACTION_TYPES.createTimer
        ? undefined
        : `${before} named but the current orchestration replay instead produced a ${actionClass(action)} action with this sequence number. ${ADVICE}`;
    }
    case 'sub': {
      if (!action) {
        return `${describeSub(schedule)}, but the current replay execution hasn't (yet?) scheduled this task. ${ADVICE}`;
      }
      if (!isSubOrchestratorCall(action)) {
        return `${describeSub(schedule)}, but the current orchestration replay instead produced a ${actionClass(action)} action at this sequence number. ${ADVICE}`;
      }
      return isSameName(name, action.functionName)
        ? undefined
        : `${describeSub(schedule)}, but the current orchestration replay instead scheduled a sub-orchestration task with name ${action.functionName} at this sequence number. ${ADVICE}`;
    }
  }
}

/**
 * Compares what was scheduled before with what the replay produced, by kind and name, as
 * `TaskOrchestrationContext` of github.com/Azure/durabletask does, whose messages these are. Inputs are not
 * compared there either. Throws `NonDeterminismError`.
 */
export function checkDeterminism(
  schedules: readonly Schedule[],
  numbered: readonly Action[],
): void {
  for (const [index, schedule] of schedules.entries()) {
    const mismatch = findMismatch(schedule, numbered[index]);
    if (mismatch !== undefined) {
      throw new NonDeterminismError(mismatch);
    }
  }
}
