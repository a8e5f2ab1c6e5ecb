import type { Store } from '../durable/store.ts';
import type { HostClock } from '../host-clock.ts';

export interface ListenerLock {
  /** Calls back once the lock is free and taken: at once, or when that of a killed host runs out. */
  acquire(callback: () => void): void;
  /** Gives the lock back; a host that is killed does not come to that. */
  release(): void;
}

const META_KEY = 'listenerLockUntilMs';

/** The least time between two renewals, in ms. */
const SHORTEST_RENEWAL_MS = 100;

/**
 * The singleton lock that the listener of timer functions holds on Azure, a blob lease that the host renews. After a
 * kill it stays for the rest of its period, 60 s there (learn.microsoft.com, "host.json reference", singleton,
 * listenerLockPeriod), and the timer functions of the next host start that much late. A period of 0 is no lock.
 */
export function createListenerLock(store: Store, clock: HostClock, periodMs: number): ListenerLock {
  let renewal: NodeJS.Timeout | undefined;
  let cancel: (() => void) | undefined;

  const renew = (): void => store.setMeta(META_KEY, String(clock.nowMs() + periodMs));

  function take(callback: () => void): void {
    cancel = undefined;
    renew();
    renewal = setInterval(renew, Math.max(SHORTEST_RENEWAL_MS, periodMs / 2));
    callback();
  }

  return {
    acquire(callback) {
      const heldUntilMs = Number(store.getMeta(META_KEY) ?? 0);
      if (periodMs <= 0) {
        callback();
      } else if (heldUntilMs > clock.nowMs()) {
        cancel = clock.callAt(heldUntilMs, () => take(callback));
      } else {
        take(callback);
      }
    },
    release() {
      cancel?.();
      if (renewal) {
        clearInterval(renewal);
        renewal = undefined;
        store.setMeta(META_KEY, '0');
      }
    },
  };
}
