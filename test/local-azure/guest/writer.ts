import type { SeededRandom } from '../seeded-random.ts';
import { makeBlock } from './block-content.ts';
import type { Journal, JournalWriter } from './journal.ts';
import type { Mount } from './mount.ts';

/** Between the two writes of a pair, so that a torn pair has a window to happen in. */
const PAUSE_WITHIN_PAIR_MS = { min: 0, max: 2 } as const;

const MAX_NAP_MS = 25;

export interface Writer {
  readonly facts: JournalWriter;
  readonly isRunning: boolean;
  /** Pairs begun; the last one may lack its second write. */
  readonly seq: number;
  start(pairsPerSecond: number): void;
  /** Resolves when nothing more is written. A pair cut in two is completed by the next start. */
  stop(): Promise<void>;
}

export interface WriterOptions {
  readonly facts: JournalWriter;
  readonly mounts: readonly [Mount, Mount];
  readonly journal: Journal;
  readonly random: SeededRandom;
}

/** One write is in flight at most: first disk, second disk, next pair. */
export function createWriter(options: WriterOptions): Writer {
  const { facts, mounts, journal, random } = options;
  let seq = 0;
  let secondIsOwed = false;
  let running: { readonly abort: AbortController; readonly ended: Promise<void> } | undefined;

  async function writeSide(side: 0 | 1, signal: AbortSignal): Promise<void> {
    const mount = mounts[side];
    // A mount may freeze again between the promise's settling and this turn.
    do await mount.untilWritable(signal);
    while (mount.isFrozen);
    const slot = (seq - 1) % facts.slotOffsets[side].length;
    const offset = facts.slotOffsets[side][slot];
    if (offset === undefined) throw new RangeError(`writer ${facts.writer} has no slot ${slot}`);
    const header = { writer: facts.writer, seq, slot, disk: mount.journalDisk.disk };
    mount.store.write(offset, makeBlock(header));
    journal.recordWrite({ ...header, offset, side });
  }

  async function run(pairsPerSecond: number, signal: AbortSignal): Promise<void> {
    const intervalMs = 1000 / pairsPerSecond;
    let nextMs = performance.now() + random.next() * intervalMs;
    while (!signal.aborted) {
      await pauseUntil(nextMs, signal);
      // After a long wait the rate goes on from now; nothing is caught up in a burst.
      nextMs = Math.max(nextMs, performance.now() - intervalMs) + intervalMs;
      if (!secondIsOwed) {
        seq += 1;
        try {
          await writeSide(0, signal);
        } catch (error) {
          seq -= 1;
          throw error;
        }
        secondIsOwed = true;
        const pauseMs = random.integer(PAUSE_WITHIN_PAIR_MS.min, PAUSE_WITHIN_PAIR_MS.max);
        await pauseUntil(performance.now() + pauseMs, signal);
      }
      await writeSide(1, signal);
      secondIsOwed = false;
    }
  }

  return {
    facts,
    get isRunning() {
      return running !== undefined;
    },
    get seq() {
      return seq;
    },
    start(pairsPerSecond) {
      if (!(pairsPerSecond > 0 && pairsPerSecond <= 1000)) {
        throw new RangeError(
          `pairsPerSecond must be above 0 and at most 1000, got ${pairsPerSecond}`,
        );
      }
      if (running !== undefined) return;
      const abort = new AbortController();
      const ended = run(pairsPerSecond, abort.signal).catch((error: unknown) => {
        if (!abort.signal.aborted) throw error;
      });
      // A failing writer must not pass unseen: the process ends with its error.
      ended.catch((error: unknown) => {
        process.nextTick(() => {
          throw error;
        });
      });
      running = { abort, ended };
    },
    async stop() {
      const stopping = running;
      if (stopping === undefined) return;
      stopping.abort.abort();
      await stopping.ended;
      if (running === stopping) running = undefined;
    },
  };
}

/** Short naps see an abort soon enough, and cost less than timers that listen to a signal. */
async function pauseUntil(untilMs: number, signal: AbortSignal): Promise<void> {
  do {
    const napMs = Math.min(MAX_NAP_MS, Math.max(0, untilMs - performance.now()));
    await new Promise((resolve) => setTimeout(resolve, napMs));
    signal.throwIfAborted();
  } while (performance.now() < untilMs);
}
