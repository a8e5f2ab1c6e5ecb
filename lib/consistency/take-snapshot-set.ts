import { BackupError, ThrottledError } from '../errors.ts';
import type { Refusal } from '../outcome.ts';
import type { SnapshotInProgress, SnapshotOrder, SnapshotStore } from '../ports/snapshot-store.ts';
import type { Clock } from '../time/clock.ts';
import type { EvidenceLog } from './evidence-log.ts';
import { createReadBudget, pollIntervalMs } from './poll-cadence.ts';

export interface DiskOrder {
  readonly diskKey: string;
  readonly order: SnapshotOrder;
}

export type SnapshotSetResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly refusal: Refusal }
  | { readonly ok: false; readonly refusal?: undefined; readonly error: unknown };

interface Pending {
  readonly diskKey: string;
  readonly snapshot: SnapshotInProgress;
  readonly requestedMs: number;
  notBeforeMs: number;
  failures: number;
}

const TOLERATED_POLL_FAILURES = 5;

/** Ends the work on a set with what came first: a refusal, or an error that a retry may cure. */
class SetRefused extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/**
 * Takes one snapshot of every disk, all requests in flight at once, and waits until each of them is
 * fixed. The first refusal, 429 or error ends it: `onFailure` runs at once, before the requests that
 * are still under way have settled, so that a frozen guest is let go without waiting for them. Never
 * throws, and settles only when no request of its own is under way any more.
 */
export async function takeSnapshotSet(
  ports: { readonly snapshots: SnapshotStore; readonly clock: Clock },
  orders: readonly DiskOrder[],
  evidence: EvidenceLog,
  options: {
    readonly limitMs: number;
    readonly signal: AbortSignal;
    readonly onFailure: () => Promise<void>;
  },
): Promise<SnapshotSetResult> {
  const { snapshots, clock } = ports;
  const untilMs = clock.monotonicMs() + options.limitMs;
  const requests = orders.map(async ({ diskKey, order }): Promise<Pending> => {
    const requestedMs = clock.monotonicMs();
    evidence.note('snapshotRequested', { diskKey, name: order.name });
    const begun = await snapshots.begin(order);
    if (!begun.ok) {
      evidence.note('snapshotRefused', { diskKey, errorCode: begun.errorCode });
      throw new SetRefused(begun);
    }
    const notBeforeMs = clock.monotonicMs() + (begun.value.retryAfterMs ?? 0);
    return { diskKey, snapshot: begun.value, requestedMs, notBeforeMs, failures: 0 };
  });
  try {
    const pending = await orStopped(Promise.all(requests), options.signal);
    await waitForAll({ snapshots, clock }, pending, evidence, untilMs, options.signal);
    return { ok: true };
  } catch (error) {
    await Promise.all([options.onFailure(), Promise.allSettled(requests)]);
    return error instanceof SetRefused
      ? { ok: false, refusal: error.refusal }
      : { ok: false, error };
  }
}

/** Rejects as soon as the signal fires, while the work itself goes on. */
async function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function waitForAll(
  ports: { readonly snapshots: SnapshotStore; readonly clock: Clock },
  all: readonly Pending[],
  evidence: EvidenceLog,
  untilMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = ports;
  const firstRequestedMs = Math.min(...all.map((one) => one.requestedMs));
  const budget = createReadBudget(clock.monotonicMs());
  let pending = [...all];
  let batchSize = pending.length;
  while (pending.length > 0) {
    signal.throwIfAborted();
    const nowMs = clock.monotonicMs();
    if (nowMs >= untilMs) {
      throw new BackupError(
        'SnapshotTooSlow',
        `${pending.length} of ${all.length} snapshots were not done in time`,
      );
    }
    const due = pending.filter((one) => one.notBeforeMs <= nowMs);
    const batch = due.slice(
      0,
      Math.min(batchSize, budget.take(Math.min(batchSize, due.length), nowMs)),
    );
    const finished = await Promise.all(batch.map((one) => pollOne(ports, one, evidence, signal)));
    const done = new Set(batch.filter((_, index) => finished[index]));
    // Those not asked now come first next time.
    pending = pending
      .filter((one) => !batch.includes(one))
      .concat(batch.filter((one) => !done.has(one)));
    if (pending.length === 0) return;
    const intervalMs = pollIntervalMs(clock.monotonicMs() - firstRequestedMs);
    if (done.size > 0) {
      // Snapshots of one set often end together: look on at once, at more of them.
      batchSize = batch.length * 2;
      if (pending.some((one) => one.notBeforeMs <= clock.monotonicMs())) continue;
    }
    batchSize = budget.perInterval(intervalMs);
    const earliestMs = Math.min(...pending.map((one) => one.notBeforeMs));
    const waitMs = Math.max(intervalMs, earliestMs - clock.monotonicMs());
    await orStopped(
      clock.sleep(Math.min(waitMs, Math.max(1, untilMs - clock.monotonicMs()))),
      signal,
    );
  }
}

/** Whether the snapshot is done. */
async function pollOne(
  ports: { readonly snapshots: SnapshotStore; readonly clock: Clock },
  one: Pending,
  evidence: EvidenceLog,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const progress = await ports.snapshots.poll(one.snapshot, signal);
    one.failures = 0;
    if (progress.state === 'running') {
      one.notBeforeMs = ports.clock.monotonicMs() + (progress.retryAfterMs ?? 0);
      return false;
    }
    if (progress.state === 'succeeded') {
      const ms = Math.round(ports.clock.monotonicMs() - one.requestedMs);
      evidence.note('snapshotSucceeded', { diskKey: one.diskKey, ms });
      return true;
    }
    evidence.note('snapshotRefused', { diskKey: one.diskKey, errorCode: progress.errorCode });
    throw new SetRefused({
      ok: false,
      errorCode: 'SnapshotRefused',
      message: `The platform could not take a snapshot: ${progress.errorCode}: ${progress.message}`,
      target: one.snapshot.snapshotId,
    });
  } catch (error) {
    if (error instanceof SetRefused || error instanceof ThrottledError || signal.aborted)
      throw error;
    one.failures += 1;
    if (one.failures > TOLERATED_POLL_FAILURES) throw error;
    one.notBeforeMs = ports.clock.monotonicMs() + 50 * one.failures;
    return false;
  }
}
