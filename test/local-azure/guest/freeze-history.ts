import type { Journal } from './journal.ts';
import type { Mount } from './mount.ts';

export type ThawCause = 'released' | 'deadline' | 'failure' | 'foreign';

export interface FrozenMountRecord {
  readonly mountPoint: string;
  readonly lun: number;
  readonly diskId: string;
  /** The newest write of the journal when the mount froze, and when it thawed. */
  readonly frozenOrder: number;
  readonly frozenAtMs: number;
  readonly thawedOrder?: number;
  readonly thawedAtMs?: number;
  readonly thawedBy?: ThawCause;
}

/** One freeze of one guest. Times are `performance.now()` of the local Azure's process. */
export interface FreezeRecord {
  readonly vmId: string;
  readonly session: string;
  readonly deadlineMs: number;
  readonly mounts: readonly FrozenMountRecord[];
  /** Set once every mount is frozen: up to the first thaw the disks stand at this order number. */
  readonly frozenOrder?: number;
  readonly frozenAtMs?: number;
  readonly frozenAtUtc?: string;
  /** When the first mount thawed, whoever did it. */
  readonly firstThawOrder?: number;
  readonly firstThawAtMs?: number;
  /** When the last one did. */
  readonly thawedAtMs?: number;
  readonly cause?: ThawCause;
  /** From the first mount's freeze to the last one's thaw. */
  readonly heldMs?: number;
  readonly blockedWrites: number;
  readonly longestBlockedMs: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type OpenRecord = Writable<Omit<FreezeRecord, 'mounts'>> & {
  mounts: Writable<FrozenMountRecord>[];
};

/** Keeps the order numbers of every freeze and thaw, so that the oracle knows the frozen instants. */
export interface FreezeHistory {
  open(vmId: string, session: string, deadlineMs: number): FreezeLog;
  readonly records: readonly FreezeRecord[];
  find(session: string): FreezeRecord | undefined;
  /** A write of that VM that has waited and now goes on. */
  blockedWrite(vmId: string, waitedMs: number): void;
  /** Somebody who is not the session has thawed that mount. */
  foreignThaw(session: string, mount: Mount): void;
}

export interface FreezeLog {
  frozen(mount: Mount): void;
  allFrozen(): void;
  thawed(mount: Mount, cause: ThawCause): void;
}

export function createFreezeHistory(journal: Journal): FreezeHistory {
  const records: OpenRecord[] = [];

  function noteThaw(record: OpenRecord, mount: Mount, cause: ThawCause): void {
    const frozen = record.mounts.find(
      (candidate) => candidate.lun === mount.lun && candidate.thawedAtMs === undefined,
    );
    if (frozen === undefined) return;
    frozen.thawedOrder = journal.lastOrder;
    frozen.thawedAtMs = performance.now();
    frozen.thawedBy = cause;
    record.firstThawOrder ??= frozen.thawedOrder;
    record.firstThawAtMs ??= frozen.thawedAtMs;
    if (record.mounts.every((candidate) => candidate.thawedAtMs !== undefined)) {
      record.thawedAtMs = frozen.thawedAtMs;
      record.heldMs = frozen.thawedAtMs - (record.mounts[0]?.frozenAtMs ?? frozen.thawedAtMs);
      record.cause = cause;
    }
  }

  return {
    records,
    foreignThaw(session, mount) {
      const record = records.findLast((candidate) => candidate.session === session);
      if (record !== undefined) noteThaw(record, mount, 'foreign');
    },
    find: (session) => records.findLast((record) => record.session === session),
    blockedWrite(vmId, waitedMs) {
      const record = records.findLast((candidate) => candidate.vmId === vmId);
      if (record === undefined) return;
      record.blockedWrites += 1;
      record.longestBlockedMs = Math.max(record.longestBlockedMs, waitedMs);
    },
    open(vmId, session, deadlineMs) {
      const record: OpenRecord = {
        ...{ vmId, session, deadlineMs, mounts: [] },
        ...{ blockedWrites: 0, longestBlockedMs: 0 },
      };
      records.push(record);
      return {
        frozen(mount) {
          record.mounts.push({
            ...{ mountPoint: mount.mountPoint, lun: mount.lun, diskId: mount.diskId },
            ...{ frozenOrder: journal.lastOrder, frozenAtMs: performance.now() },
          });
        },
        allFrozen() {
          record.frozenOrder = journal.lastOrder;
          record.frozenAtMs = performance.now();
          record.frozenAtUtc = new Date().toISOString();
        },
        thawed: (mount, cause) => noteThaw(record, mount, cause),
      };
    },
  };
}
