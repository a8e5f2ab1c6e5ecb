import type { OrchestrationContext, Task } from 'durable-functions';
import * as df from 'durable-functions';
import { type Outcome, type Refusal, refused } from '../../lib/outcome.ts';

/**
 * How orchestrations call activities and children: typed, with retries that honour what the service
 * asked for, and with every end as an `Outcome`. Runs inside orchestrations, so it is as pure as they.
 */

/** How often, and how soon, an activity is tried again while its failure may pass. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
}

/** About 7 seconds of trying: somebody waits for the answer, or a timer starts it all again. */
const BRIEF: RetryPolicy = { attempts: 4, firstDelayMs: 1_000, longestDelayMs: 30_000 };
/** About 3 minutes: undoing and closing must get through a short outage. */
export const PATIENT: RetryPolicy = { attempts: 8, firstDelayMs: 2_000, longestDelayMs: 60_000 };
/** How often Retry-After is obeyed before an activity counts as refused. Not attempts: it is no fault. */
const THROTTLED_ROUNDS = 50;
/** Compute asks for waits of 20 minutes; somebody who waits must learn some time that nothing comes. */
const LONGEST_THROTTLED_MS = 3_600_000;
/**
 * The platform's own retries cover the death of a worker, which fails the activity in flight and is
 * not tried again otherwise. Never with a retry time-out: that hangs the orchestration
 * (azure-functions-durable-js issue 629).
 */
const WORKER_DEATH_ATTEMPTS = 3;
const WORKER_DEATH_DELAY_MS = 5_000;

const afterWorkerDeath = (): df.RetryOptions =>
  new df.RetryOptions(WORKER_DEATH_DELAY_MS, WORKER_DEATH_ATTEMPTS);

/** A typed name of an activity. The type parameters exist only for the compiler. */
export interface ActivityRef<I, T> {
  readonly name: string;
  readonly retry: RetryPolicy;
  readonly signature?: (input: I) => T;
}

/** A typed name of an orchestration that ends with an `Outcome<T>`. */
export interface OrchestrationRef<I, T> {
  readonly name: string;
  readonly signature?: (input: I) => T;
}

export const activityRef = <I, T>(name: string, retry: RetryPolicy = BRIEF): ActivityRef<I, T> => ({
  name,
  retry,
});
export const orchestrationRef = <I, T>(name: string): OrchestrationRef<I, T> => ({ name });

/**
 * What an activity answers over the wire when trying again may help. It is data, not an exception,
 * because the text of a failed activity reaches the orchestration wrapped beyond recognition, and
 * because the wait may be one that the service named.
 */
export interface AskAgain {
  readonly ok: false;
  readonly askAgain: true;
  readonly errorCode: string;
  readonly message: string;
  readonly target?: string;
  /** Set when the service throttled: the wait that it asked for. */
  readonly retryAfterMs?: number;
}

export type ActivityAnswer<T> = Outcome<T> | AskAgain;

const isAskAgain = (answer: ActivityAnswer<unknown>): answer is AskAgain =>
  !answer.ok && 'askAgain' in answer;

const giveUp = (answer: AskAgain): Refusal =>
  refused(answer.errorCode, answer.message, answer.target);

/** The wait before attempt `failed + 1`, doubled from one to the next. */
const delayAfter = (policy: RetryPolicy, failed: number): number =>
  Math.min(policy.longestDelayMs, policy.firstDelayMs * 2 ** (failed - 1));

type Run<T> = Generator<Task, T, unknown>;

/**
 * Calls an activity until it succeeded, was refused, or its retries are used up: then its last
 * failure is the refusal. Never throws.
 */
export function* call<I, T>(
  ctx: OrchestrationContext,
  activity: ActivityRef<I, T>,
  input: I,
): Run<Outcome<T>> {
  const [outcome] = yield* callAll(ctx, activity, [input]);
  return outcome ?? refused('ActivityFailed', `${activity.name} was not called`);
}

/** As `call`, for many inputs at once; the outcomes come in the order of the inputs, all settled. */
export function* callAll<I, T>(
  ctx: OrchestrationContext,
  activity: ActivityRef<I, T>,
  inputs: readonly I[],
): Run<Outcome<T>[]> {
  const outcomes = new Map<number, Outcome<T>>();
  let open = inputs.map((input, index) => ({ index, input }));
  let failed = 0;
  let throttled = 0;
  let throttledMs = 0;
  while (open.length > 0) {
    const tasks = open.map(({ input }) =>
      ctx.df.callActivityWithRetry(activity.name, afterWorkerDeath(), input),
    );
    const answers = yield* settleAll<ActivityAnswer<T>>(ctx, tasks, activity.name);
    const again: (typeof open)[number][] = [];
    let delayMs = 0;
    let anyFailed = false;
    for (const [position, item] of open.entries()) {
      const answer = answers[position];
      if (answer === undefined) continue;
      if (!isAskAgain(answer)) {
        outcomes.set(item.index, answer);
        continue;
      }
      const isThrottled = answer.retryAfterMs !== undefined;
      const exhausted = isThrottled
        ? throttled >= THROTTLED_ROUNDS ||
          throttledMs + (answer.retryAfterMs ?? 0) > LONGEST_THROTTLED_MS
        : failed + 1 >= activity.retry.attempts;
      if (exhausted) {
        outcomes.set(item.index, giveUp(answer));
        continue;
      }
      anyFailed ||= !isThrottled;
      delayMs = Math.max(delayMs, answer.retryAfterMs ?? delayAfter(activity.retry, failed + 1));
      again.push(item);
    }
    if (anyFailed) {
      failed += 1;
    } else {
      throttled += 1;
      throttledMs += delayMs;
    }
    open = again;
    if (open.length > 0) yield* waitFor(ctx, delayMs);
  }
  return inputs.map(
    (_, index) =>
      outcomes.get(index) ?? refused('ActivityFailed', `${activity.name} gave no answer`),
  );
}

/** Calls children at once, each under its own id, and waits for all of them. */
export function* callChildren<I, T>(
  ctx: OrchestrationContext,
  child: OrchestrationRef<I, T>,
  calls: readonly { readonly instanceId: string; readonly input: I }[],
): Run<Outcome<T>[]> {
  const tasks = calls.map(({ input, instanceId }) =>
    ctx.df.callSubOrchestratorWithRetry(child.name, afterWorkerDeath(), input, instanceId),
  );
  return yield* settleAll<Outcome<T>>(ctx, tasks, child.name);
}

/** A durable timer. It may fire up to a second early: what depends on the time must look again. */
export function* waitFor(ctx: OrchestrationContext, ms: number): Run<void> {
  yield ctx.df.createTimer(new Date(ctx.df.currentUtcDateTime.getTime() + Math.max(1, ms)));
}

/**
 * Waits until every task has ended, well or not. `Task.all` ends with the first failure, while an
 * orchestration cannot end before its last task: so the others are awaited one by one, each of
 * which is known to the host already.
 */
function* settleAll<A extends ActivityAnswer<unknown>>(
  ctx: OrchestrationContext,
  tasks: readonly Task[],
  name: string,
): Run<(A | Refusal)[]> {
  if (tasks.length === 0) return [];
  try {
    return (yield ctx.df.Task.all([...tasks])) as A[];
  } catch {
    const answers: (A | Refusal)[] = [];
    for (const task of tasks) {
      try {
        answers.push((yield task) as A);
      } catch (error) {
        answers.push(refused('ActivityFailed', `${name} failed for good: ${firstLine(error)}`));
      }
    }
    return answers;
  }
}

/** For people only: what the host makes of an error is never parsed. */
const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]?.slice(0, 300) ?? '';
