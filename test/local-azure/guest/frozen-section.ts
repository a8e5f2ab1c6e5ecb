import { createDeferred } from './deferred.ts';
import type { FreezeLog, ThawCause } from './freeze-history.ts';
import { freezeOrder, type Mount } from './mount.ts';

export interface MountResult {
  readonly mountPoint: string;
  readonly ok: boolean;
  readonly errno?: string;
}

export interface ThawReport {
  readonly cause: 'released' | 'deadline' | 'failure';
  readonly mounts: readonly MountResult[];
  readonly heldMs: number;
}

export type FreezeReport =
  | { readonly kind: 'frozen' }
  | { readonly kind: 'failed'; readonly reason: string; readonly thawed: readonly MountResult[] };

/**
 * The freeze with its watchdog, which is a process of its own in a real guest: once armed it thaws at
 * the deadline whatever becomes of the session that armed it.
 */
export interface FrozenSection {
  freeze(): Promise<FreezeReport>;
  /** Thaws in reverse, once; later calls give the first call's report. */
  thaw(cause: ThawReport['cause']): ThawReport;
  /** Mounts are frozen and the watchdog will thaw them. */
  readonly isHolding: boolean;
  /** Settles at the thaw, whoever caused it. */
  readonly ended: Promise<ThawReport>;
}

export interface FrozenSectionOptions {
  readonly mounts: readonly Mount[];
  readonly deadlineMs: number;
  readonly log: FreezeLog;
  /** Waits for the time that one mount takes to freeze. Rejects to end the freezing process. */
  beforeEachFreeze(): Promise<void>;
  /** The errno with which the freeze of this mount fails; undefined: it works. */
  freezeErrno(mount: Mount): string | undefined;
}

export function createFrozenSection(options: FrozenSectionOptions): FrozenSection {
  const { log, deadlineMs } = options;
  const frozen: Mount[] = [];
  const ended = createDeferred<ThawReport>();
  let report: ThawReport | undefined;
  let frozenSinceMs: number | undefined;
  let watchdog: NodeJS.Timeout | undefined;

  function thaw(cause: ThawReport['cause']): ThawReport {
    if (report !== undefined) return report;
    clearTimeout(watchdog);
    const mounts = [...frozen].reverse().map((mount): MountResult => {
      const result = mount.thaw();
      if (result === 'ok') log.thawed(mount, cause);
      return result === 'ok'
        ? { mountPoint: mount.mountPoint, ok: true }
        : { mountPoint: mount.mountPoint, ok: false, errno: result };
    });
    const heldMs = frozenSinceMs === undefined ? 0 : performance.now() - frozenSinceMs;
    report = { cause, mounts, heldMs };
    ended.resolve(report);
    return report;
  }

  return {
    thaw,
    get isHolding() {
      return frozen.length > 0 && report === undefined;
    },
    ended: ended.promise,
    async freeze() {
      for (const mount of freezeOrder(options.mounts)) {
        await options.beforeEachFreeze();
        if (report !== undefined) {
          const reason = `the watchdog thawed (${report.cause}) before all mounts were frozen`;
          return { kind: 'failed', reason, thawed: report.mounts };
        }
        const errno = options.freezeErrno(mount) ?? (mount.freeze() === 'ok' ? undefined : 'EBUSY');
        if (errno !== undefined) {
          const { mounts } = thaw('failure');
          return { kind: 'failed', reason: `${mount.mountPoint}: ${errno}`, thawed: mounts };
        }
        frozen.push(mount);
        log.frozen(mount);
        if (frozenSinceMs === undefined) {
          frozenSinceMs = performance.now();
          watchdog = setTimeout(() => thaw('deadline' satisfies ThawCause), deadlineMs);
        }
      }
      log.allFrozen();
      return { kind: 'frozen' };
    },
  };
}
