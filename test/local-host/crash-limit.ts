/** How many deaths of the worker end the genuine host. */
const MOST_CRASHES = 3;

/** A crash that comes later than this after the one before starts the count anew, in ms. */
const CRASH_INTERVAL_MS = 30 * 60_000;

export interface CrashLimit {
  /** Counts one crash at the given instant; whether the host ends itself now. */
  isReached(nowMs: number): boolean;
}

/**
 * When the genuine host gives up restarting its worker: three crashes, none more than half an hour after the one
 * before (github.com/Azure/azure-functions-host, RpcFunctionInvocationDispatcher and
 * WorkerRestartErrorIntervalThresholdInMinutes).
 */
export function createCrashLimit(): CrashLimit {
  let count = 0;
  let lastMs = Number.NEGATIVE_INFINITY;
  return {
    isReached(nowMs) {
      count = nowMs - lastMs > CRASH_INTERVAL_MS ? 1 : count + 1;
      lastMs = nowMs;
      return count >= MOST_CRASHES;
    },
  };
}
