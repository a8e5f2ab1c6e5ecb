import type { AppFunction } from '../core/app-functions.ts';
import type { FunctionInvoker } from '../core/invoke-function.ts';
import { messageOf } from '../core/load-app.ts';
import type { TypedData } from '../core/worker-protocol.ts';
import type { HostClock } from '../host-clock.ts';
import type { HostLog } from '../host-log.ts';
import { createSeededRandom } from '../seeded-random.ts';
import type { InstanceMessage, WorkItem } from './instance-model.ts';
import type { Store } from './store.ts';

export interface ActivityPoolOptions {
  store: Store;
  clock: HostClock;
  log: HostLog;
  invoke: FunctionInvoker;
  clientData: TypedData;
  findActivity(name: string): AppFunction | undefined;
  /** Most activities at once (host.json, maxConcurrentActivityFunctions). */
  limit: number;
  /**
   * How long an activity stays hidden after its host died, in ms. The genuine host hides it for 5 minutes by
   * default and for about a minute with workItemQueueVisibilityTimeout "00:01:00"; 0 runs it again at once.
   */
  visibilityTimeoutMs: number;
  /**
   * Seed of the mode in which every fourth activity or so runs a second time after it has ended, its outcome
   * ignored: queues deliver at least once. Undefined: never.
   */
  repeatSeed: number | undefined;
  /** Takes the work item off the store together with its outcome. */
  complete(item: WorkItem, outcome: InstanceMessage): void;
}

export interface ActivityPool {
  add(items: readonly WorkItem[]): void;
  /** Starts nothing more. */
  stop(): void;
  /** Resolves when no activity runs. */
  whenIdle(): Promise<void>;
  /** Ignores what running activities still return: they run again after the next start. */
  abandon(): void;
  runningCount(): number;
  queuedCount(): number;
  /** Fails all running activities, as the death of the worker does; what they still return is ignored. */
  failRunning(reason: string): void;
}

/** The share of activities that run twice in the mode that repeats them. */
const REPEATED_SHARE = 0.25;

function sourceOf(item: WorkItem): { function: string; instanceId: string } {
  return { function: item.name, instanceId: item.instanceId };
}

/** The text of an activity's result in the history: JSON, or null for no result. */
function toResultText(value: TypedData | null | undefined): string | null {
  if (!value) {
    return null;
  }
  if (value.string !== undefined) {
    return JSON.stringify(value.string);
  }
  if (value.json !== undefined) {
    return value.json;
  }
  if (value.bytes) {
    return JSON.stringify(Buffer.from(value.bytes).toString('base64'));
  }
  return JSON.stringify(value.int ?? value.double ?? null);
}

/** Details of a failure: like the genuine ones a JSON text of .NET exceptions that no app should parse. */
function toDetails(reason: string, error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return JSON.stringify({
    $type: 'System.Exception, System.Private.CoreLib',
    ClassName: 'System.Exception',
    Message: reason,
    Data: null,
    InnerException: {
      $type: 'Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException',
      ClassName: 'Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException',
      Message: `Result: Failure\nException: ${messageOf(error)}\nStack: ${stack}`,
    },
    HResult: -2146233088,
  });
}

export function createActivityPool(options: ActivityPoolOptions): ActivityPool {
  const { store, clock, log, limit, visibilityTimeoutMs } = options;
  const queue: WorkItem[] = [];
  let head = 0;
  const running = new Map<number, { item: WorkItem; release: () => void }>();
  const waiters: (() => void)[] = [];
  let isStopped = false;
  const random =
    options.repeatSeed === undefined ? undefined : createSeededRandom(options.repeatSeed);

  function fail(item: WorkItem, error: unknown): InstanceMessage {
    const reason = `Activity function '${item.name}' failed:  ${messageOf(error)}`;
    log('error', reason, sourceOf(item));
    const details = toDetails(reason, error);
    return {
      kind: 'failed',
      executionId: item.executionId,
      taskId: item.taskId,
      reason,
      details,
    };
  }

  async function call(item: WorkItem): Promise<InstanceMessage> {
    const fn = options.findActivity(item.name);
    if (!fn) {
      return fail(item, new Error(`The function '${item.name}' doesn't exist`));
    }
    try {
      const invocation = await options.invoke(fn, {
        inputData: [
          { name: fn.triggerName, data: { string: item.input } },
          ...fn.clientBindings.map((name) => ({ name, data: options.clientData })),
        ],
        triggerMetadata: { instanceId: { string: item.instanceId } },
        instanceId: item.instanceId,
      });
      const response = await invocation.respond();
      return {
        kind: 'completed',
        executionId: item.executionId,
        taskId: item.taskId,
        result: toResultText(response.returnValue),
      };
    } catch (error) {
      return fail(item, error);
    }
  }

  function keepHidden(item: WorkItem): () => void {
    if (visibilityTimeoutMs <= 0) {
      return () => undefined;
    }
    const hide = (): void => store.hideWork(item.seq, clock.nowMs() + visibilityTimeoutMs);
    hide();
    const renewal = setInterval(hide, Math.max(100, visibilityTimeoutMs / 2));
    return () => clearInterval(renewal);
  }

  async function run(item: WorkItem): Promise<void> {
    const release = keepHidden(item);
    running.set(item.seq, { item, release });
    const outcome = await call(item);
    release();
    if (running.delete(item.seq)) {
      options.complete(item, outcome);
      if (random && !isStopped && random() < REPEATED_SHARE) {
        log('warning', 'delivered again: the queue delivers at least once', sourceOf(item));
        await call(item);
      }
    }
    pump();
  }

  function pump(): void {
    while (!isStopped && running.size < limit && head < queue.length) {
      const item = queue[head];
      head += 1;
      if (head > 1_000 && head * 2 > queue.length) {
        queue.splice(0, head);
        head = 0;
      }
      if (item) {
        void run(item);
      }
    }
    if (running.size === 0) {
      for (const resolve of waiters.splice(0)) {
        resolve();
      }
    }
  }

  return {
    add(items) {
      for (const item of items) {
        if (item.visibleMs > clock.nowMs()) {
          clock.callAt(item.visibleMs, () => {
            queue.push(item);
            pump();
          });
        } else {
          queue.push(item);
        }
      }
      pump();
    },
    stop() {
      isStopped = true;
    },
    whenIdle: () =>
      running.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiters.push(resolve);
          }),
    abandon() {
      for (const { release } of running.values()) {
        release();
      }
      running.clear();
    },
    runningCount: () => running.size,
    queuedCount: () => queue.length - head,
    failRunning(reason) {
      for (const { item, release } of [...running.values()]) {
        release();
        running.delete(item.seq);
        options.complete(item, fail(item, new Error(reason)));
      }
      pump();
    },
  };
}
