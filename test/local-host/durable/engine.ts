import type { AppFunction } from '../core/app-functions.ts';
import type { HostSettings } from '../core/host-json.ts';
import type { FunctionInvoker } from '../core/invoke-function.ts';
import type { TypedData } from '../core/worker-protocol.ts';
import type { HostClock } from '../host-clock.ts';
import type { HostLog } from '../host-log.ts';
import { type ActivityPool, createActivityPool } from './activity-pool.ts';
import { commitTurn } from './commit-turn.ts';
import {
  type Execution,
  type InboxItem,
  type InstanceMessage,
  type InstanceRow,
  isFinished,
  type WorkItem,
} from './instance-model.ts';
import { loadExecution, newExecution } from './load-execution.ts';
import { runTurn, type TurnContext, type TurnEnd } from './run-turn.ts';
import type { Store } from './store.ts';
import { hasMessages } from './take-messages.ts';
import { createTaskTimers } from './task-timers.ts';
import { createTurnDraft } from './turn-draft.ts';
import { findVersionMismatch } from './version-match.ts';

export interface EngineOptions {
  store: Store;
  clock: HostClock;
  log: HostLog;
  settings: HostSettings;
  functions: readonly AppFunction[];
  invoke: FunctionInvoker;
  /** What a durable client binding receives. */
  clientData: TypedData;
  visibilityTimeoutMs: number;
  /** Seed of the mode in which activities run twice now and then; undefined: never. */
  repeatSeed: number | undefined;
  /** Seed of the mode in which durable timers fire up to a second early; undefined: on time. */
  earlyTimerSeed: number | undefined;
  /** What becomes of a JSON text on its way into an orchestrator or activity. */
  passInput(json: string): string;
}

export interface Engine {
  /** Takes up whatever the store holds: messages, activities, timers. */
  start(): void;
  /** Stores a message and wakes the instance. */
  send(instanceId: string, message: InstanceMessage): void;
  /** Stores a new instance, in the place of a finished one of its id, and starts it. */
  begin(row: InstanceRow): void;
  /** The instance as it stands, or undefined. */
  find(id: string): InstanceRow | undefined;
  /** Forgets the instance and deletes it from the store. */
  remove(id: string): void;
  hasOrchestrator(name: string): boolean;
  /** Starts no activity and no turn any more, waits for those that run, at most `graceMs`; true when none is left. */
  stop(graceMs: number): Promise<boolean>;
  /** What the death of the worker does: running activities fail, instances in the middle of a turn fail. */
  failWorker(exitCode: number): void;
  isIdle(): boolean;
}

function byName(functions: readonly AppFunction[], kind: string): Map<string, AppFunction> {
  return new Map(
    functions.filter((fn) => fn.kind === kind).map((fn) => [fn.name.toLowerCase(), fn]),
  );
}

export function createEngine(options: EngineOptions): Engine {
  const { store, clock, log, settings } = options;
  const orchestrators = byName(options.functions, 'orchestration');
  const activities = byName(options.functions, 'activity');
  const executions = new Map<string, Execution>();
  const ready = new Set<Execution>();
  const turning = new Map<Execution, Promise<void>>();
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
      deliver(item.instanceId, { seq, message: outcome });
    },
  });

  const context: TurnContext = {
    scheduling: {
      hasActivity: (name) => activities.has(name.toLowerCase()),
      hasOrchestrator: (name) => orchestrators.has(name.toLowerCase()),
      activityNames: () => [...activities.values()].map((fn) => fn.name),
      orchestratorNames: () => [...orchestrators.values()].map((fn) => fn.name),
      isInstanceActive: (id) => {
        const row = find(id);
        return row !== undefined && !isFinished(row.status);
      },
      defaultVersion: settings.defaultVersion,
      passInput: options.passInput,
    },
    findVersionMismatch: (version) => findVersionMismatch(version, settings),
    findOrchestrator: (name) => orchestrators.get(name.toLowerCase()),
    invoke: options.invoke,
    clientData: options.clientData,
    log,
  };

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
      turning.set(execution, turn(execution));
    }
  }

  async function turn(execution: Execution): Promise<void> {
    execution.isBusy = true;
    const draft = createTurnDraft(execution, clock);
    const end = await runTurn(draft, context);
    if (turning.delete(execution)) {
      finishTurn(draft, end);
    }
    planPump();
  }

  function finishTurn(draft: ReturnType<typeof createTurnDraft>, end: TurnEnd): void {
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
        for (const task of execution?.openTasks.values() ?? []) {
          if (task.kind !== 'call') {
            timers.arm(row.id, row.executionId, task);
          }
        }
      }
      for (const { instanceId, item } of store.listMessages()) {
        deliver(instanceId, item);
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
      const idle = Promise.all([pool.whenIdle(), ...turning.values()]).then(() => true);
      const isDone = await Promise.race([idle, grace]);
      clearTimeout(handle);
      pool.abandon();
      turning.clear();
      return isDone;
    },
    failWorker(exitCode) {
      const reason = `The language worker process exited: node exited with code ${exitCode} (0x${exitCode.toString(16).toUpperCase()})`;
      log('critical', reason);
      pool.failRunning(reason);
      for (const execution of [...turning.keys()]) {
        turning.delete(execution);
        const output = `Orchestrator function '${execution.row.name}' failed: ${reason}`;
        finishTurn(createTurnDraft(execution, clock), {
          kind: 'finished',
          status: 'Failed',
          output: JSON.stringify(output),
          details: '',
        });
      }
    },
    isIdle: () =>
      ready.size === 0 &&
      turning.size === 0 &&
      pool.runningCount() === 0 &&
      pool.queuedCount() === 0,
  };
}
