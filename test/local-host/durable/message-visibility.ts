import type { HostClock } from '../host-clock.ts';
import type { Store } from './store.ts';

/** Hides messages that a host has taken from the next one, as the visibility time-out of a queue does. */
export interface MessageVisibility {
  hide(seqs: readonly number[]): void;
  /** Hides what a turn in flight has taken, and renews that until the returned function is called. */
  keepHidden(seqs: readonly number[]): () => void;
  /** Renews nothing any more. */
  stop(): void;
}

/** The least time between two renewals, in ms. */
const SHORTEST_RENEWAL_MS = 100;

/** With a time-out of 0 it hides nothing. */
export function createMessageVisibility(
  store: Store,
  clock: HostClock,
  timeoutMs: number,
): MessageVisibility {
  const renewals = new Set<NodeJS.Timeout>();

  function hide(seqs: readonly number[]): void {
    if (timeoutMs > 0) {
      for (const seq of seqs) {
        store.hideMessage(seq, clock.nowMs() + timeoutMs);
      }
    }
  }

  function release(renewal: NodeJS.Timeout): void {
    clearInterval(renewal);
    renewals.delete(renewal);
  }

  return {
    hide,
    keepHidden(seqs) {
      if (timeoutMs <= 0) {
        return () => undefined;
      }
      hide(seqs);
      const periodMs = Math.max(SHORTEST_RENEWAL_MS, timeoutMs / 2);
      const renewal = setInterval(() => hide(seqs), periodMs);
      renewals.add(renewal);
      return () => release(renewal);
    },
    stop() {
      for (const renewal of [...renewals]) {
        release(renewal);
      }
    },
  };
}
