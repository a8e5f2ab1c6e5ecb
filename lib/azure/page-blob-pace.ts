import type { Clock } from '../time/clock.ts';

/** What one standard page blob takes (Azure's "Scalability targets for Blob storage"). */
const REQUESTS_PER_SECOND = 500;
const BYTES_PER_SECOND = 60 * 1024 ** 2;
/** A second, and what timers may be early. */
const COUNTED_OVER_MS = 1_005;
/** After so long without a refusal the limit is tried again: accounts differ, and get better. */
const LIMIT_HOLDS_MS = 10 * 60_000;

/** When the next write to one page blob may go out. */
export interface PageBlobPace {
  /**
   * Does `write` at once, or, where the service has shown its limit, as soon as `bytes` more fit into
   * the last second. A write counts from its end: when the service saw it is not known better.
   */
  run(bytes: number, write: () => Promise<void>, signal?: AbortSignal): Promise<void>;
  /** The service has answered `ServerBusy`. */
  refused(): void;
}

/** The paces of one account's blobs. */
export interface PageBlobPaces {
  forBlob(): PageBlobPace;
}

interface SentWrite {
  readonly bytes: number;
  /** Until when it counts. */
  untilMs: number;
}

/**
 * Writes go out as fast as they come until the account refuses one; from then on every blob is kept
 * to the documented rate. To have fewer at once in flight would not do: below a rate limit it is the
 * rate that has to fit.
 */
export function createPageBlobPaces(clock: Clock): PageBlobPaces {
  let limitedUntilMs = Number.NEGATIVE_INFINITY;

  const forBlob = (): PageBlobPace => {
    let sent: SentWrite[] = [];
    let lastInLine: Promise<void> = Promise.resolve();

    const fits = (bytes: number): boolean => {
      const nowMs = clock.monotonicMs();
      sent = sent.filter(({ untilMs }) => untilMs > nowMs);
      const isFree =
        sent.length < REQUESTS_PER_SECOND &&
        sent.reduce((sum, write) => sum + write.bytes, bytes) <= BYTES_PER_SECOND;
      return isFree || sent.length === 0 || nowMs >= limitedUntilMs;
    };

    const waitForRoom = async (bytes: number, signal?: AbortSignal): Promise<SentWrite> => {
      while (!fits(bytes)) {
        const earliestMs = Math.min(...sent.map(({ untilMs }) => untilMs));
        await clock.sleep(earliestMs - clock.monotonicMs(), signal);
      }
      signal?.throwIfAborted();
      const write = { bytes, untilMs: clock.monotonicMs() + COUNTED_OVER_MS };
      sent.push(write);
      return write;
    };

    return {
      async run(bytes, write, signal) {
        // One after another, so that a large write is not passed by small ones for ever.
        const turn = lastInLine.then(() => waitForRoom(bytes, signal));
        lastInLine = turn.then(
          () => undefined,
          () => undefined,
        );
        const own = await turn;
        try {
          await write();
        } finally {
          own.untilMs = clock.monotonicMs() + COUNTED_OVER_MS;
        }
      },
      refused() {
        limitedUntilMs = clock.monotonicMs() + LIMIT_HOLDS_MS;
      },
    };
  };
  return { forBlob };
}
