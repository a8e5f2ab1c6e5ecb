/** Where the current time comes from. Only adapters read the real clock. */
export interface Clock {
  now(): Date;
  /** Milliseconds that never go back; for durations only. */
  monotonicMs(): number;
  /** Settles after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
