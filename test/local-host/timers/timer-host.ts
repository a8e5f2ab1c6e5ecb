import type { AppFunction, FunctionError } from '../core/app-functions.ts';
import { resolveSetting } from '../core/host-json.ts';
import type { FunctionInvoker } from '../core/invoke-function.ts';
import { messageOf } from '../core/load-app.ts';
import type { TypedData } from '../core/worker-protocol.ts';
import type { Store } from '../durable/store.ts';
import type { HostClock } from '../host-clock.ts';
import type { HostLog } from '../host-log.ts';
import { createListenerLock } from './listener-lock.ts';
import { parseSchedule, type Schedule } from './ncrontab.ts';

export interface TimerHostOptions {
  functions: readonly AppFunction[];
  env: NodeJS.ProcessEnv;
  clock: HostClock;
  log: HostLog;
  store: Store;
  invoke: FunctionInvoker;
  clientData: TypedData;
  /** False: schedules never fire by themselves, only `runNow` does. */
  runsSchedules: boolean;
  /** How long the timer functions of a killed host stay locked, in ms; 0: not at all. */
  listenerLockPeriodMs: number;
}

export interface TimerFunction {
  fn: AppFunction;
  schedule: Schedule;
}

export interface TimerHost {
  timers: TimerFunction[];
  errors: FunctionError[];
  start(): void;
  /** Runs a timer function now, after a run that is under way; false when there is no such timer function. */
  runNow(name: string): boolean;
  stop(): void;
  whenIdle(): Promise<void>;
  /** Ignores what running functions still come to; the store may be closed then. */
  abandon(): void;
  isIdle(): boolean;
}

/** The schedule status that the genuine host keeps in a blob; times are ISO strings in UTC. */
interface ScheduleStatus {
  Last: string;
  Next: string;
  LastUpdated: string;
}

function readTimers(options: TimerHostOptions): Pick<TimerHost, 'timers' | 'errors'> {
  const timers: TimerFunction[] = [];
  const errors: FunctionError[] = [];
  for (const fn of options.functions) {
    const written = fn.trigger['schedule'];
    try {
      if (typeof written !== 'string' || written === '') {
        throw new Error('the timer trigger has no schedule');
      }
      const expression = resolveSetting(written, options.env);
      if (expression === undefined) {
        throw new Error(`'${written}' does not resolve to a value: the app setting is missing`);
      }
      timers.push({ fn, schedule: parseSchedule(expression) });
    } catch (error) {
      errors.push({ function: fn.name, message: messageOf(error) });
    }
  }
  return { timers, errors };
}

/**
 * Runs timer functions. Runs of one function never overlap: the next occurrence is looked for once the run is over,
 * so occurrences that passed meanwhile are left out, as on the genuine host. An occurrence that passed while the
 * host was down is made up for once, with isPastDue.
 */
export function createTimerHost(options: TimerHostOptions): TimerHost {
  const { clock, log, store } = options;
  const { timers, errors } = readTimers(options);
  const lock = createListenerLock(store, clock, options.listenerLockPeriodMs);
  const cancels = new Map<TimerFunction, () => void>();
  const chains = new Map<TimerFunction, Promise<void>>();
  let running = 0;
  let isStopped = false;
  let isAbandoned = false;

  function readStatus(timer: TimerFunction): ScheduleStatus | undefined {
    const text = store.getTimerStatus(timer.fn.name);
    return text === undefined ? undefined : (JSON.parse(text) as ScheduleStatus);
  }

  async function run(timer: TimerFunction, isPastDue: boolean): Promise<void> {
    const { fn, schedule } = timer;
    const status = readStatus(timer);
    const startedMs = clock.nowMs();
    running += 1;
    try {
      const info = {
        Schedule: { AdjustForDST: true },
        ScheduleStatus: status ?? null,
        IsPastDue: isPastDue,
      };
      await options.invoke(fn, {
        inputData: [
          { name: fn.triggerName, data: { json: JSON.stringify(info) } },
          ...fn.clientBindings.map((name) => ({ name, data: options.clientData })),
        ],
      });
    } catch (error) {
      log('error', `Executed '${fn.name}' (Failed): ${messageOf(error)}`, { function: fn.name });
    } finally {
      running -= 1;
    }
    if (!isAbandoned) {
      saveStatus(timer, startedMs, schedule.nextMs(startedMs));
    }
  }

  function saveStatus(timer: TimerFunction, lastMs: number, nextMs: number | undefined): void {
    const status: ScheduleStatus = {
      Last: new Date(lastMs).toISOString(),
      Next: new Date(nextMs ?? 0).toISOString(),
      LastUpdated: clock.nowUtc(),
    };
    store.setTimerStatus(timer.fn.name, JSON.stringify(status));
  }

  function enqueue(timer: TimerFunction, isPastDue: boolean): Promise<void> {
    const before = chains.get(timer) ?? Promise.resolve();
    const chain = before.then(() => (isStopped ? undefined : run(timer, isPastDue)));
    chains.set(timer, chain);
    return chain;
  }

  function plan(timer: TimerFunction): void {
    const nextMs = timer.schedule.nextMs(clock.nowMs());
    if (isStopped || nextMs === undefined) {
      return;
    }
    cancels.set(
      timer,
      clock.callAt(nextMs, () => {
        void enqueue(timer, false).then(() => plan(timer));
      }),
    );
  }

  function begin(timer: TimerFunction): void {
    const status = readStatus(timer);
    const isPastDue =
      timer.fn.trigger['useMonitor'] !== false &&
      status !== undefined &&
      Date.parse(status.Next) > 0 &&
      Date.parse(status.Next) < clock.nowMs();
    if (!status) {
      // From now on a missed first occurrence is noticed as well.
      saveStatus(timer, 0, timer.schedule.nextMs(clock.nowMs()));
    }
    if (isPastDue || timer.fn.trigger['runOnStartup'] === true) {
      void enqueue(timer, isPastDue).then(() => plan(timer));
    } else {
      plan(timer);
    }
  }

  return {
    timers,
    errors,
    start() {
      if (options.runsSchedules) {
        lock.acquire(() => timers.forEach(begin));
      }
    },
    runNow(name) {
      const timer = timers.find(({ fn }) => fn.name.toLowerCase() === name.toLowerCase());
      if (timer) {
        void enqueue(timer, false);
      }
      return timer !== undefined;
    },
    stop() {
      isStopped = true;
      lock.release();
      for (const cancel of cancels.values()) {
        cancel();
      }
    },
    whenIdle: () => Promise.all(chains.values()).then(() => undefined),
    abandon() {
      isAbandoned = true;
    },
    isIdle: () => running === 0,
  };
}
