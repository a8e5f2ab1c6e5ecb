import { isDeepStrictEqual } from 'node:util';
import type { OrchestrationContext, Task } from 'durable-functions';
import { createTaskQueue, type ReplayTask, type TaskKind } from './replay-tasks.ts';

/**
 * Runs an orchestration as a Durable host does: from the top again after every completion, with
 * everything passed through JSON. Fails when a replay schedules something else than before, when the
 * orchestration ends before its tasks, and when it uses what the host would choke on.
 */

export type Handler = (ctx: OrchestrationContext) => Generator<Task, unknown, unknown>;

export interface ReplayWorld {
  /** Throwing is a dead worker: the host fails the activity, and its RetryOptions decide. */
  readonly activities: Readonly<Record<string, (input: never) => unknown>>;
  readonly orchestrations?: Readonly<Record<string, Handler>>;
  /** Picks which finished task completes first, from 0 to `count - 1`. Default: in order. */
  readonly pick?: (count: number) => number;
  /** Rounds of continue-as-new before the driver gives up. */
  readonly longestRounds?: number;
}

export interface ReplayEnd {
  readonly output: unknown;
  /** Names of activities, children and timers in the order in which they were scheduled. */
  readonly scheduled: readonly string[];
  readonly statuses: readonly unknown[];
  readonly rounds: number;
  /** Most actions in one round: the history's size. */
  readonly longestRound: number;
  readonly waitedMs: number;
}

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));
/** Azure Storage instances fail above 16 KB of UTF-16; ours stay far below. */
const LONGEST_STATUS_CHARACTERS = 4 * 1024;
const TIMERS_FIRE_EARLY_MS = 900;

interface Completion {
  readonly id: number;
  readonly atMs: number;
  readonly result: unknown;
  readonly error?: string;
}

interface Turn {
  readonly actions: readonly TaskKind[];
  readonly done: boolean;
  readonly output: unknown;
  readonly next: { readonly input: unknown } | undefined;
  readonly status: unknown;
}

export async function replay(
  handler: Handler,
  input: unknown,
  world: ReplayWorld,
  instanceId = 'instance',
): Promise<ReplayEnd> {
  let nowMs = Date.UTC(2026, 10, 23, 18);
  const startedMs = nowMs;
  const scheduled: string[] = [];
  const statuses: unknown[] = [];
  let current = input;
  let longestRound = 0;
  for (let rounds = 1; rounds <= (world.longestRounds ?? 50); rounds += 1) {
    const history: Completion[] = [];
    const settled = new Map<number, Omit<Completion, 'atMs'>>();
    let known: readonly TaskKind[] = [];
    const roundStartMs = nowMs;
    for (;;) {
      const turn = runTurn(handler, current, history, roundStartMs, instanceId);
      if (!isDeepStrictEqual(turn.actions.slice(0, known.length), known)) {
        throw new Error(
          `non-deterministic: ${JSON.stringify(known)} became ${JSON.stringify(turn.actions)}`,
        );
      }
      if (JSON.stringify(turn.status ?? null).length > LONGEST_STATUS_CHARACTERS) {
        throw new Error(`custom status too long: ${JSON.stringify(turn.status).length}`);
      }
      if (!isDeepStrictEqual(statuses.at(-1), turn.status)) statuses.push(turn.status);
      const fresh = turn.actions.slice(known.length);
      const firstId = known.length;
      known = turn.actions;
      longestRound = Math.max(longestRound, known.length);
      const results = await Promise.all(
        fresh.map(async (action, index) => {
          scheduled.push(action.name);
          return [firstId + index, action, await settle(action, world)] as const;
        }),
      );
      for (const [id, action, { waitedMs, ...result }] of results) {
        settled.set(id, { id, ...result });
        const due =
          action.kind === 'timer' ? Date.parse(action.fireAt ?? '') - TIMERS_FIRE_EARLY_MS : nowMs;
        nowMs = Math.max(nowMs + waitedMs, due);
      }
      if (turn.done) {
        if (settled.size > 0) throw new Error('ended before its tasks');
        if (turn.next === undefined) {
          const waitedMs = nowMs - startedMs;
          const output = throughJson(turn.output);
          return { output, scheduled, statuses, rounds, longestRound, waitedMs };
        }
        current = turn.next.input;
        break;
      }
      const open = [...settled.keys()];
      const id = open[world.pick?.(open.length) ?? 0];
      const completion = id === undefined ? undefined : settled.get(id);
      if (id === undefined || completion === undefined) throw new Error('waits for nothing');
      settled.delete(id);
      history.push({ ...completion, atMs: nowMs });
    }
  }
  throw new Error('continued as new too often');
}

function runTurn(
  handler: Handler,
  input: unknown,
  history: readonly Completion[],
  startMs: number,
  instanceId: string,
): Turn {
  let status: unknown;
  let next: { readonly input: unknown } | undefined;
  const queue = createTaskQueue();
  const df = {
    instanceId,
    currentUtcDateTime: new Date(startMs),
    getInput: () => throughJson(input),
    setCustomStatus: (value: unknown) => {
      status = throughJson(value);
    },
    continueAsNew: (value: unknown) => {
      next = { input: throughJson(value) };
    },
    ...queue.api,
  };
  const generator = handler({ df } as unknown as OrchestrationContext);
  const end = { done: false, output: undefined as unknown };
  let awaited: ReplayTask | undefined;
  const resume = (): void => {
    for (;;) {
      const step =
        awaited === undefined
          ? generator.next(undefined)
          : awaited.state === 'failed'
            ? generator.throw(new Error(String(awaited.result)))
            : generator.next(awaited.result);
      if (step.done) {
        end.done = true;
        end.output = step.value;
        return;
      }
      awaited = queue.schedule(step.value);
      if (awaited.state === 'running') return;
    }
  };
  resume();
  for (const { id, atMs, result, error } of history) {
    df.currentUtcDateTime = new Date(atMs);
    queue.complete(id, error === undefined ? { result } : { error });
    if (!end.done && awaited?.state !== 'running') resume();
  }
  return { ...end, actions: queue.actions, next, status };
}

/** What a task of this kind ends with, retries included. */
async function settle(
  action: TaskKind,
  world: ReplayWorld,
): Promise<{ result: unknown; error?: string; waitedMs: number }> {
  if (action.kind === 'timer') return { result: null, waitedMs: 0 };
  let waitedMs = 0;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return { result: throughJson(await run(action, world)), waitedMs };
    } catch (error) {
      if (attempt >= action.attempts) {
        const message = error instanceof Error ? error.message : String(error);
        const text = `Activity function '${action.name}' failed:  ${message} \n {".NET":"details"}`;
        return { result: null, error: text, waitedMs };
      }
      waitedMs += action.firstRetryMs;
    }
  }
}

async function run(action: TaskKind, world: ReplayWorld): Promise<unknown> {
  const input = throughJson(action.input);
  if (typeof input !== 'object' || input === null) {
    throw new Error(`${action.name} was given a bare ${typeof input}`);
  }
  if (action.kind === 'activity') {
    const activity = world.activities[action.name];
    if (!activity) throw new Error(`no activity named ${action.name}`);
    return activity(input as never);
  }
  const child = world.orchestrations?.[action.name];
  if (!child) throw new Error(`no orchestration named ${action.name}`);
  return (await replay(child, input, world, action.instanceId)).output;
}
