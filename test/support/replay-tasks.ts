import type { RetryOptions } from 'durable-functions';

/** What an orchestration schedules. */
export interface TaskKind {
  readonly kind: 'activity' | 'child' | 'timer';
  readonly name: string;
  readonly input?: unknown;
  readonly instanceId?: string;
  readonly fireAt?: string;
  readonly attempts: number;
  readonly firstRetryMs: number;
}

export interface ReplayTask {
  state: 'running' | 'completed' | 'failed';
  result: unknown;
  id: number | undefined;
  parent: ReplayTask | undefined;
  readonly action: TaskKind | undefined;
  readonly children: readonly ReplayTask[];
}

/** The tasks of one turn: ids in the order of scheduling, `Task.all` ending at the first failure. */
export function createTaskQueue() {
  const actions: TaskKind[] = [];
  const open = new Map<number, ReplayTask>();
  const leaf = (action: TaskKind): ReplayTask => ({
    state: 'running',
    result: undefined,
    id: undefined,
    parent: undefined,
    action,
    children: [],
  });

  const schedule = (yielded: unknown): ReplayTask => {
    const task = yielded as ReplayTask;
    for (const child of task.children) schedule(child);
    if (task.action !== undefined && task.id === undefined) {
      task.id = actions.length;
      actions.push(task.action);
      open.set(task.id, task);
    }
    return task;
  };

  const settleParent = (task: ReplayTask): void => {
    const { parent } = task;
    if (parent === undefined || parent.state !== 'running') return;
    if (task.state === 'failed') {
      parent.state = 'failed';
      parent.result = task.result;
    } else if (parent.children.every((child) => child.state === 'completed')) {
      parent.state = 'completed';
      parent.result = parent.children.map((child) => child.result);
    }
  };

  const retryOf = (options: RetryOptions) => {
    if (options.retryTimeoutInMilliseconds !== undefined) {
      throw new Error('a retry time-out hangs the orchestration');
    }
    return {
      attempts: options.maxNumberOfAttempts,
      firstRetryMs: options.firstRetryIntervalInMilliseconds,
    };
  };

  return {
    actions: actions as readonly TaskKind[],
    schedule,
    complete(id: number, end: { readonly result?: unknown; readonly error?: string }): void {
      const task = open.get(id);
      if (task === undefined) throw new Error(`nothing waits for task ${id}`);
      open.delete(id);
      task.state = end.error === undefined ? 'completed' : 'failed';
      task.result = end.error ?? end.result;
      settleParent(task);
    },
    /** The part of `ctx.df` that makes tasks. Calls without RetryOptions are not offered. */
    api: {
      callActivityWithRetry: (name: string, retry: RetryOptions, input: unknown) =>
        leaf({ kind: 'activity', name, input, ...retryOf(retry) }),
      callSubOrchestratorWithRetry: (
        name: string,
        retry: RetryOptions,
        input: unknown,
        instanceId: string,
      ) => leaf({ kind: 'child', name, input, instanceId, ...retryOf(retry) }),
      createTimer: (fireAt: Date) =>
        leaf({
          kind: 'timer',
          name: 'timer',
          fireAt: fireAt.toISOString(),
          attempts: 1,
          firstRetryMs: 0,
        }),
      Task: {
        all: (children: ReplayTask[]): ReplayTask => {
          if (children.length === 0) throw new Error('Task.all needs at least one task');
          const task: ReplayTask = {
            state: 'running',
            result: undefined,
            id: undefined,
            parent: undefined,
            action: undefined,
            children,
          };
          for (const child of children) {
            if (child.id !== undefined) throw new Error('a scheduled task was scheduled again');
            child.parent = task;
          }
          return task;
        },
      },
    },
  };
}
