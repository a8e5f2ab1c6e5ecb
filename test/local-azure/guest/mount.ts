import type { PageStore } from '../contracts.ts';
import { createDeferred, type Deferred } from './deferred.ts';
import type { JournalDisk } from './journal.ts';

/** A writer that waited for a thaw. */
export interface BlockedWrite {
  readonly mountPoint: string;
  readonly waitedMs: number;
}

/** A mounted file system of a simulated guest: a freeze makes its writers wait. */
export interface Mount {
  readonly mountPoint: string;
  readonly fsType: 'ext4';
  readonly device: string;
  readonly lun: number;
  readonly diskId: string;
  readonly journalDisk: JournalDisk;
  readonly store: PageStore;
  readonly isFrozen: boolean;
  /** FIFREEZE: EBUSY when it is frozen already (ioctl_fat(2), Linux fs/ioctl.c and fs/super.c). */
  freeze(): 'ok' | 'EBUSY';
  /** FITHAW: EINVAL when it is not frozen (Linux fs/super.c, thaw_super). */
  thaw(): 'ok' | 'EINVAL';
  /** At once when it is not frozen; else after the thaw. Rejects when `signal` aborts. */
  untilThawed(signal: AbortSignal): Promise<void>;
  /** The same for a write, which is counted as blocked if it had to wait. */
  untilWritable(signal: AbortSignal): Promise<void>;
}

export interface MountOptions {
  readonly mountPoint: string;
  readonly device: string;
  readonly lun: number;
  readonly diskId: string;
  readonly store: PageStore;
  readonly journalDisk: JournalDisk;
  /** Hears of every write that had to wait, once it may go on. */
  onBlockedWrite(blocked: BlockedWrite): void;
}

export function createMount(options: MountOptions): Mount {
  let thawed: Deferred<void> | undefined;
  const { onBlockedWrite, ...facts } = options;

  async function untilThawed(signal: AbortSignal): Promise<void> {
    while (thawed !== undefined) {
      const aborted = createDeferred<never>();
      const onAbort = () => aborted.reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await Promise.race([thawed.promise, aborted.promise]);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    }
    signal.throwIfAborted();
  }

  return {
    ...facts,
    fsType: 'ext4',
    get isFrozen() {
      return thawed !== undefined;
    },
    freeze() {
      if (thawed !== undefined) return 'EBUSY';
      thawed = createDeferred<void>();
      return 'ok';
    },
    thaw() {
      if (thawed === undefined) return 'EINVAL';
      thawed.resolve();
      thawed = undefined;
      return 'ok';
    },
    untilThawed,
    async untilWritable(signal) {
      signal.throwIfAborted();
      if (thawed === undefined) return;
      const startedMs = performance.now();
      await untilThawed(signal);
      onBlockedWrite({ mountPoint: facts.mountPoint, waitedMs: performance.now() - startedMs });
    },
  };
}

/** Inner mounts before the ones that they stand on, `/` last. */
export function freezeOrder(mounts: readonly Mount[]): Mount[] {
  const depth = (mount: Mount) => mount.mountPoint.split('/').filter((part) => part !== '').length;
  return [...mounts].sort((a, b) => depth(b) - depth(a) || a.lun - b.lun);
}
