import { ACTION_TYPES, type Action } from './orchestrator-actions.ts';
import type { TurnDraft } from './turn-draft.ts';

export interface Gate {
  /** Whether an action of the top level has ended; to be asked in the order of the list, once for each. */
  hasEnded(action: Action): boolean;
}

/**
 * Decides when the next action of the top level may be scheduled. The extension awaits the actions of an
 * out-of-process orchestrator one after another (`OutOfProcOrchestrationShim.ProcessAsyncActionsV2` of
 * github.com/Azure/azure-functions-durable-extension), and a .NET `Task.WhenAll` ends when *all* have ended, also
 * when one has failed. The library goes on at the first failure. So what an orchestrator calls after a failed
 * `Task.all` starts only once the other tasks of it have ended.
 */
export function createGate(draft: TurnDraft): Gate {
  const { execution } = draft;
  const open = new Set<number>();
  for (const task of execution.openTasks.values()) {
    open.add(task.kind === 'timer' || !task.retry ? task.id : task.retry.firstId);
  }
  const waits = new Map<string, number>();
  let index = 0;

  function hasLeafEnded(action: Action): boolean {
    if (action.actionType === ACTION_TYPES.continueAsNew) {
      return true;
    }
    if (action.actionType === ACTION_TYPES.waitForExternalEvent) {
      const name = action.externalEventName ?? '';
      const count = (waits.get(name) ?? 0) + 1;
      waits.set(name, count);
      return count <= (execution.raised.get(name) ?? 0);
    }
    const schedule =
      execution.schedules[index] ?? draft.schedules[index - execution.schedules.length];
    index += 1;
    return schedule !== undefined && !open.has(schedule.id);
  }

  function hasEnded(action: Action): boolean {
    if (!action.compoundActions) {
      return hasLeafEnded(action);
    }
    // Every child is looked at, as each moves the index on.
    const children = action.compoundActions.map(hasEnded);
    return action.actionType === ACTION_TYPES.whenAll
      ? children.every(Boolean)
      : children.some(Boolean);
  }

  return {
    hasEnded(action) {
      for (const task of draft.opened.values()) {
        open.add(task.kind === 'timer' || !task.retry ? task.id : task.retry.firstId);
      }
      return hasEnded(action);
    },
  };
}
