import { BackupError, ConflictError, ThrottledError } from '../errors.ts';
import type { Clock } from '../time/clock.ts';

export interface Pace {
  /** Requests in flight at the beginning, at most, and never fewer than one. */
  readonly startWith: number;
  readonly atMost: number;
  /** Tries of one item before its error is everybody's. Being throttled counts as a try. */
  readonly maxTries: number;
  /** Wait before the second try; doubled for each one after it. */
  readonly retryDelayMs: number;
}

/** How many throttled answers there were, and how many requests were allowed at the end. */
export interface PaceReport {
  readonly throttled: number;
  readonly allowed: number;
}

/** Waiting longer is for the orchestration's timers: an activity that sleeps is paid for. */
const LONGEST_WAIT_MS = 15_000;

/** A source that is refused, missing rights and missing blobs do not come right in a minute. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  'CopySourceRefused',
  'CopySourceNotCopyable',
  'DiffRefused',
  'AuthorizationFailure',
  'AuthorizationPermissionMismatch',
  'InsufficientAccountPermissions',
  'AccountIsDisabled',
  'BlobNotFound',
  'ContainerNotFound',
  'InvalidPageRange',
  'InvalidHeaderValue',
]);

/** Errors that trying again at once cannot cure: somebody else took over, or the source is refused. */
const isWorthRetrying = (error: unknown): boolean =>
  !(error instanceof ConflictError) &&
  !(error instanceof RangeError || error instanceof TypeError) &&
  !(error instanceof BackupError && FINAL_CODES.has(error.errorCode));

/**
 * Works off `items` with as many at once as the service stands: one more for every round without
 * trouble, half as many after a `ThrottledError` (as TCP does). The first error that tries do not
 * cure ends everything: `work` sees its signal aborted, and the error is thrown when all have ended.
 */
export async function runAdaptive<T>(
  items: readonly T[],
  work: (item: T, signal: AbortSignal) => Promise<void>,
  options: { readonly pace: Pace; readonly clock: Clock; readonly signal?: AbortSignal },
): Promise<PaceReport> {
  const { pace, clock } = options;
  const ended = new AbortController();
  const signal =
    options.signal === undefined ? ended.signal : AbortSignal.any([ended.signal, options.signal]);
  const slots = createSlots(pace);

  const tryUntilDone = async (item: T): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      const epoch = await slots.take();
      try {
        signal.throwIfAborted();
        await work(item, signal);
        slots.giveBack('good');
        return;
      } catch (error) {
        const throttled = error instanceof ThrottledError;
        slots.giveBack(throttled ? epoch : 'bad');
        if (signal.aborted || tries >= pace.maxTries || !isWorthRetrying(error)) throw error;
        const backOffMs = pace.retryDelayMs * 2 ** (tries - 1);
        const waitMs = throttled ? Math.max(error.retryAfterMs, backOffMs) : backOffMs;
        if (waitMs > LONGEST_WAIT_MS) throw error;
        await clock.sleep(waitMs, signal);
      }
    }
  };

  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (failure === undefined && next < items.length) {
      const item = items[next] as T;
      next += 1;
      try {
        await tryUntilDone(item);
      } catch (error) {
        // What the others then throw is only the echo of their aborted signal.
        failure ??= { error };
        ended.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(pace.atMost, items.length) }, worker));
  if (failure !== undefined) throw (failure as { readonly error: unknown }).error;
  return slots.report();
}

/** As many takers at once as are allowed at the moment. */
const createSlots = (pace: Pace) => {
  const waiting: (() => void)[] = [];
  let allowed = Math.max(1, Math.min(pace.startWith, pace.atMost));
  let taken = 0;
  let goodInARow = 0;
  let throttled = 0;
  let epoch = 0;

  return {
    /** Answers the epoch: one halving is for all requests of one epoch. */
    async take(): Promise<number> {
      while (taken >= allowed) await new Promise<void>((resolve) => waiting.push(resolve));
      taken += 1;
      return epoch;
    },
    /** `result`: good, bad, or the epoch in which the service refused it as too much. */
    giveBack(result: 'good' | 'bad' | number): void {
      taken -= 1;
      if (result === 'good') {
        goodInARow += 1;
        if (goodInARow >= allowed && allowed < pace.atMost) {
          allowed += 1;
          goodInARow = 0;
        }
      } else if (result !== 'bad') {
        throttled += 1;
        goodInARow = 0;
        if (result === epoch) {
          epoch += 1;
          allowed = Math.max(1, Math.floor(allowed / 2));
        }
      }
      for (const wake of waiting.splice(0, Math.max(0, allowed - taken))) wake();
    },
    report: (): PaceReport => ({ throttled, allowed }),
  };
};
