import type { RetryOptions } from './instance-model.ts';

/**
 * The actions that an orchestrator returns, in the shape of the classes under `lib/src/actions` of the npm package
 * durable-functions. The whole list since the start comes back in every turn.
 */
export const ACTION_TYPES = {
  callActivity: 0,
  callActivityWithRetry: 1,
  callSubOrchestrator: 2,
  callSubOrchestratorWithRetry: 3,
  continueAsNew: 4,
  createTimer: 5,
  waitForExternalEvent: 6,
  callEntity: 7,
  callHttp: 8,
  signalEntity: 9,
  whenAny: 11,
  whenAll: 12,
  lockEntities: 13,
  releaseEntities: 14,
} as const;

export interface Action {
  actionType: number;
  functionName?: string;
  input?: unknown;
  instanceId?: string;
  version?: string;
  retryOptions?: RetryOptions;
  fireAt?: Date | string;
  isCanceled?: boolean;
  externalEventName?: string;
  compoundActions?: Action[];
}

/** A way of using Durable Functions that hangs or misbehaves on Azure; the instance fails with this message instead. */
export class OrchestratorMisuse extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OrchestratorMisuse';
  }
}

export interface ActionList {
  /** Actions that take a sequence number, in the order in which the library numbers them. */
  numbered: Action[];
  /** For each action of the top level: how many numbered actions stand up to its end. */
  ends: number[];
  waitsForEvent: boolean;
  continueAsNew: Action | undefined;
}

const UNMODELLED: Record<number, string> = {
  [ACTION_TYPES.callEntity]: 'callEntity',
  [ACTION_TYPES.callHttp]: 'callHttp',
  [ACTION_TYPES.signalEntity]: 'signalEntity',
  [ACTION_TYPES.lockEntities]: 'lock',
  [ACTION_TYPES.releaseEntities]: 'release',
};

/**
 * Flattens the action list depth first, the order in which the library numbers tasks as they are yielded.
 * Throws `OrchestratorMisuse` for a task that occurs twice: `Task.any` or `Task.all` over a task that was already
 * scheduled schedules it again (github.com/Azure/azure-functions-durable-js issue 574).
 */
export function flattenActions(actions: readonly Action[]): ActionList {
  const list: ActionList = {
    numbered: [],
    ends: [],
    waitsForEvent: false,
    continueAsNew: undefined,
  };
  const seen = new Set<Action>();
  const visit = (action: Action): void => {
    if (action.compoundActions) {
      for (const child of action.compoundActions) {
        visit(child);
      }
      return;
    }
    if (seen.has(action)) {
      throw new OrchestratorMisuse(
        `a task that is already scheduled (${describeAction(action)}) was passed to a second Task.any or Task.all: it is scheduled twice and all later sequence numbers shift`,
      );
    }
    seen.add(action);
    switch (action.actionType) {
      case ACTION_TYPES.waitForExternalEvent:
        list.waitsForEvent = true;
        return;
      case ACTION_TYPES.continueAsNew:
        list.continueAsNew = action;
        return;
      default:
        list.numbered.push(action);
    }
  };
  for (const action of actions) {
    visit(action);
    list.ends.push(list.numbered.length);
  }
  return list;
}

function describeAction(action: Action): string {
  if (action.functionName !== undefined) {
    return `call of '${action.functionName}'`;
  }
  return action.actionType === ACTION_TYPES.createTimer ? 'timer' : `event wait`;
}

export function isActivityCall(action: Action): boolean {
  return (
    action.actionType === ACTION_TYPES.callActivity ||
    action.actionType === ACTION_TYPES.callActivityWithRetry
  );
}

export function isSubOrchestratorCall(action: Action): boolean {
  return (
    action.actionType === ACTION_TYPES.callSubOrchestrator ||
    action.actionType === ACTION_TYPES.callSubOrchestratorWithRetry
  );
}

/** Refuses what the local host does not model and what hangs on Azure, before anything is scheduled. */
export function checkNewAction(action: Action): void {
  const unmodelled = UNMODELLED[action.actionType];
  if (unmodelled) {
    throw new OrchestratorMisuse(`${unmodelled} is not modelled by the local host`);
  }
  if (typeof action.input === 'boolean' && isActivityCall(action)) {
    throw new OrchestratorMisuse(
      `activity '${action.functionName}' was called with a bare boolean, which arrives as the string "True" or "False"; pass an object`,
    );
  }
  if (action.retryOptions?.retryTimeoutInMilliseconds !== undefined) {
    throw new OrchestratorMisuse(
      `the call of '${action.functionName}' sets retryTimeoutInMilliseconds: once it has passed, the orchestration hangs (github.com/Azure/azure-functions-durable-js issue 629)`,
    );
  }
}
