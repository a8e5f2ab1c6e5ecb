import type { AppFunction } from '../core/app-functions.ts';
import { type ActivityPool, createActivityPool } from './activity-pool.ts';
import { commitTurn } from './commit-turn.ts';
import type { Engine, EngineOptions } from './engine-contract.ts';
import {
  type Execution,
  type InboxItem,
  type InstanceMessage,
  type InstanceRow,
  isFinished,
  type WorkItem,
} from './instance-model.ts';
import { loadExecution, newExecution } from './load-execution.ts';
import { createMessageVisibility } from './message-visibility.ts';
import { rewindInstance } from './rewind.ts';
import { runTurn, type TurnContext, type TurnEnd } from './run-turn.ts';
import { hasMessages } from './take-messages.ts';
import { createTaskTimers } from './task-timers.ts';
import { createTurnContext } from './turn-context.ts';
import { createTurnDraft, type TurnDraft } from './turn-draft.ts';
import { describeWorkerDeath, endDeadTurn } from './worker-death.ts';

function byName(functions: readonly AppFunction[], kind: string): Map<string, AppFunction> {
  return new Map(
    functions.filter((fn) => fn.kind === kind).map((fn) => [fn.name.toLowerCase(), fn]),
  );
}

export function createEngine(options: EngineOptions): Engine {
  const { store, clock, log, settings } = options;
  const visibility = createMessageVisibility(store, clock, options.controlVisibilityTimeoutMs);
  const orchestrators = byName(options.functions, 'orchestration');
  const activities = byName(options.functions, 'activity');
  const executions = new Map<string, Execution>();
  const ready = new Set<Execution>();
  const turning = new Map<Execution, { draft: TurnDraft; done: Promise<void> }>();
  let isPumpPlanned = false;
  let isStopped = false;

  const timers = createTaskTimers(clock, options.earlyTimerSeed, (id, executionId, taskId) =>
    deliver(id, { seq: null, message: { kind: 'timerFired', executionId, taskId } }),
  );

  const pool: ActivityPool = createActivityPool({
    ...options,
    findActivity: (name) => activities.get(name.toLowerCase()),
    limit: settings.maxConcurrentActivityFunctions,
    complete(item: WorkItem, outcome) {
      const seq = store.transaction(() => {
        store.deleteWork(item.seq);
        return store.addMessage(item.instanceId, outcome);
      });
      if (isStopped) {
        // The host that stops takes the message and never comes to its turn.
        visibility.hide([seq]);
      }
      deliver(item.instanceId, { seq, message: outcome });
    },
  });

  const context: TurnContext = createTurnContext({ ...options, orchestrators, activities, find });

  function find(id: string): InstanceRow | undefined {
    return executions.get(id)?.row ?? store.getInstance(id);
  }

  function getExecution(id: string): Execution | undefined {
    const known = executions.get(id);
    if (known) {
      return known;
    }
    const row = store.getInstance(id);
    if (!row || isFinished(row.status)) {
      return undefined;
    }
    const execution = loadExecution(row, store);
    executions.set(id, execution);
    return execution;
  }

  function deliver(id: string, item: InboxItem): void {
    const execution = getExecution(id);
    if (!execution) {
      // The instance has finished or is gone: nobody is left to hear it.
      if (item.seq !== null) {
        store.deleteMessage(item.seq);
      }
      return;
    }
    if (item.message.kind === 'start') {
      // After continue-as-new, events that came in during the last turn stand behind the new start.
      execution.inbox.unshift(item);
    } else {
      execution.inbox.push(item);
    }
    wake(execution);
  }

  function wake(execution: Execution): void {
    const isSuspended = execution.row.status === 'Suspended';
    if (!execution.isBusy && hasMessages(execution.inbox, isSuspended)) {
      ready.add(execution);
      planPump();
    }
  }

  function armTimers({ row, openTasks }: Execution): void {
    for (const task of openTasks.values()) {
      if (task.kind !== 'call') {
        timers.arm(row.id, row.executionId, task);
      }
    }
  }

  function planPump(): void {
    if (!isPumpPlanned && !isStopped) {
      isPumpPlanned = true;
      // Completions of one tick share one turn.
      setImmediate(pump);
    }
  }

  function pump(): void {
    isPumpPlanned = false;
    for (const execution of ready) {
      if (isStopped || turning.size >= settings.maxConcurrentOrchestratorFunctions) {
        return;
      }
      ready.delete(execution);
      const draft = createTurnDraft(execution, clock);
      turning.set(execution, { draft, done: turn(draft) });
    }
  }

  async function turn(draft: TurnDraft): Promise<void> {
    const { execution } = draft;
    execution.isBusy = true;
    const running = runTurn(draft, context);
    const release = visibility.keepHidden(draft.consumed);
    const end = await running;
    release();
    if (turning.delete(execution)) {
      finishTurn(draft, end);
    }
    planPump();
  }

  function finishTurn(draft: TurnDraft, end: TurnEnd): void {
    const { execution } = draft;
    const { id, executionId } = execution.row;
    const committed = commitTurn(draft, end, store);
    execution.isBusy = false;
    for (const task of draft.opened.values()) {
      if (end.kind === 'goesOn' && task.kind !== 'call') {
        timers.arm(id, executionId, task);
      }
    }
    for (const taskId of draft.closed) {
      timers.disarm(executionId, taskId);
    }
    if (end.kind !== 'goesOn') {
      timers.disarmAll(executionId);
    }
    if (end.kind === 'finished') {
      executions.delete(id);
      ready.delete(execution);
    }
    for (const child of committed.children) {
      executions.set(child.id, newExecution(child));
    }
    for (const { instanceId, seq, message } of committed.sent) {
      deliver(instanceId, { seq, message });
    }
    if (end.kind !== 'finished') {
      wake(execution);
    }
    pool.add(committed.work);
  }

  return {
    start() {
      for (const row of store.listInstances(['Pending', 'Running', 'Suspended'])) {
        const execution = getExecution(row.id);
        if (execution) {
          armTimers(execution);
        }
      }
      for (const { instanceId, item, visibleMs } of store.listMessages()) {
        if (visibleMs > clock.nowMs()) {
          clock.callAt(visibleMs, () => !isStopped && deliver(instanceId, item));
        } else {
          deliver(instanceId, item);
        }
      }
      pool.add(store.listWork());
    },
    send(instanceId, message) {
      deliver(instanceId, { seq: store.addMessage(instanceId, message), message });
    },
    begin(row) {
      const message: InstanceMessage = { kind: 'start' };
      const seq = store.transaction(() => {
        store.deleteInstance(row.id);
        store.saveInstance(row);
        return store.addMessage(row.id, message);
      });
      executions.set(row.id, newExecution(row));
      deliver(row.id, { seq, message });
    },
    rewind(row, reason) {
      const message: InstanceMessage = { kind: 'rewind', reason };
      const { instances, sent } = store.transaction(() => {
        const rewind = rewindInstance(row, store, clock.nowMs());
        const add = (id: string) => ({ id, seq: store.addMessage(id, message) });
        return { instances: rewind.instances, sent: rewind.leaves.map(add) };
      });
      for (const execution of instances.map(getExecution)) {
        if (execution) {
          armTimers(execution);
        }
      }
      for (const { id, seq } of sent) {
        deliver(id, { seq, message });
      }
    },
    find,
    remove(id) {
      executions.delete(id);
      store.transaction(() => store.deleteInstance(id));
    },
    hasOrchestrator: (name) => orchestrators.has(name.toLowerCase()),
    async stop(graceMs) {
      isStopped = true;
      pool.stop();
      timers.stop();
      let handle: NodeJS.Timeout | undefined;
      const grace = new Promise<boolean>((resolve) => {
        handle = setTimeout(() => resolve(false), graceMs);
      });
      const turns = [...turning.values()].map(({ done }) => done);
      const idle = Promise.all([pool.whenIdle(), ...turns]).then(() => true);
      const isDone = await Promise.race([idle, grace]);
      clearTimeout(handle);
      pool.abandon();
      visibility.stop();
      turning.clear();
      return isDone;
    },
    failWorker(exitCode) {
      const reason = describeWorkerDeath(exitCode);
      log('critical', reason);
      pool.failRunning(reason);
      for (const [execution, { draft }] of [...turning]) {
        turning.delete(execution);
        finishTurn(draft, endDeadTurn(draft, reason));
      }
    },
    isIdle: () =>
      ready.size === 0 &&
      turning.size === 0 &&
      pool.runningCount() === 0 &&
      pool.queuedCount() === 0,
  };
}
