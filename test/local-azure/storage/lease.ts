/**
 * The lease of a blob as a state machine ("Lease Blob", learn.microsoft.com/rest/api/storageservices).
 * Times are milliseconds since the epoch, read by the caller.
 */
import { storageErrors } from './storage-error.ts';

export type LeaseState = 'available' | 'leased' | 'expired' | 'breaking' | 'broken';

export interface LeaseView {
  readonly state: LeaseState;
  readonly status: 'locked' | 'unlocked';
  readonly duration?: 'infinite' | 'fixed';
}

export interface Lease {
  view(nowMs: number): LeaseView;
  /** `durationSeconds` -1 for ever, else 15 to 60. Returns the lease id. */
  acquire(nowMs: number, durationSeconds: number, proposedId: string): string;
  renew(nowMs: number, id: string): string;
  change(nowMs: number, id: string, proposedId: string): string;
  release(nowMs: number, id: string): void;
  /** Returns the seconds until the lease is broken. */
  breakLease(nowMs: number, periodSeconds: number | undefined): number;
  /** Refuses a write without the id of an active lease, and any request with a wrong id. */
  checkWrite(nowMs: number, id: string | undefined): void;
  /** A read needs no id; one that is given must be right. */
  checkRead(nowMs: number, id: string | undefined): void;
  /** A write makes a broken or expired lease available again, so that it cannot be renewed. */
  noteWrite(nowMs: number): void;
}

interface Held {
  readonly id: string;
  readonly durationSeconds: number;
  readonly expiresMs: number;
  /** Set once a break was asked for. */
  readonly breaksAtMs?: number;
}

const conflict = (code: string, message: string) => storageErrors.lease(409, code, message);
const precondition = (code: string, message: string) => storageErrors.lease(412, code, message);

const mismatchWithLeaseOperation = () =>
  conflict(
    'LeaseIdMismatchWithLeaseOperation',
    'The lease ID specified did not match the lease ID for the blob.',
  );

/** A lease that nobody holds yet. */
export function createLease(): Lease {
  let held: Held | undefined;

  function state(nowMs: number): LeaseState {
    if (held === undefined) {
      return 'available';
    }
    if (held.breaksAtMs !== undefined) {
      return nowMs < held.breaksAtMs ? 'breaking' : 'broken';
    }
    return nowMs < held.expiresMs ? 'leased' : 'expired';
  }

  function isSame(id: string): boolean {
    return held !== undefined && held.id.toLowerCase() === id.toLowerCase();
  }

  function requireHeld(id: string): Held {
    if (held === undefined) {
      throw conflict(
        'LeaseNotPresentWithLeaseOperation',
        'There is currently no lease on the blob.',
      );
    }
    if (!isSame(id)) {
      throw mismatchWithLeaseOperation();
    }
    return held;
  }

  function hold(nowMs: number, id: string, durationSeconds: number): string {
    const expiresMs =
      durationSeconds === -1 ? Number.POSITIVE_INFINITY : nowMs + durationSeconds * 1000;
    held = { id, durationSeconds, expiresMs };
    return id;
  }

  function checkId(nowMs: number, id: string): void {
    const current = state(nowMs);
    if (current === 'available') {
      throw precondition(
        'LeaseNotPresentWithBlobOperation',
        'There is currently no lease on the blob.',
      );
    }
    if (!isSame(id)) {
      throw precondition(
        'LeaseIdMismatchWithBlobOperation',
        'The lease ID specified did not match the lease ID for the blob.',
      );
    }
    if (current === 'expired' || current === 'broken') {
      throw precondition(
        'LeaseLost',
        'A lease ID was specified, but the lease for the blob has expired.',
      );
    }
  }

  return {
    view(nowMs) {
      const current = state(nowMs);
      const isLocked = current === 'leased' || current === 'breaking';
      return {
        state: current,
        status: isLocked ? 'locked' : 'unlocked',
        ...(current === 'leased' && held !== undefined
          ? { duration: held.durationSeconds === -1 ? 'infinite' : 'fixed' }
          : {}),
      };
    },
    acquire(nowMs, durationSeconds, proposedId) {
      const current = state(nowMs);
      if (current === 'breaking') {
        throw isSame(proposedId)
          ? conflict(
              'LeaseIsBreakingAndCannotBeAcquired',
              'The lease ID matched, but the lease is currently in breaking state and cannot be acquired until it is broken.',
            )
          : conflict('LeaseAlreadyPresent', 'There is already a lease present.');
      }
      if (current === 'leased' && !isSame(proposedId)) {
        throw conflict('LeaseAlreadyPresent', 'There is already a lease present.');
      }
      return hold(nowMs, proposedId, durationSeconds);
    },
    renew(nowMs, id) {
      const lease = requireHeld(id);
      if (lease.breaksAtMs !== undefined) {
        throw conflict(
          'LeaseIsBrokenAndCannotBeRenewed',
          'The lease ID matched, but the lease has been broken explicitly and cannot be renewed.',
        );
      }
      return hold(nowMs, lease.id, lease.durationSeconds);
    },
    change(nowMs, id, proposedId) {
      const current = state(nowMs);
      if (current !== 'leased' && current !== 'breaking') {
        throw conflict(
          'LeaseNotPresentWithLeaseOperation',
          'There is currently no lease on the blob.',
        );
      }
      // A repeated change, whose first answer was lost, names an id that is no longer the one.
      if (isSame(proposedId) && current === 'leased' && held !== undefined) {
        return held.id;
      }
      const lease = requireHeld(id);
      if (current === 'breaking') {
        throw conflict(
          'LeaseIsBreakingAndCannotBeChanged',
          'The lease ID matched, but the lease is currently in breaking state and cannot be changed.',
        );
      }
      held = { ...lease, id: proposedId };
      return proposedId;
    },
    release(_nowMs, id) {
      requireHeld(id);
      held = undefined;
    },
    breakLease(nowMs, periodSeconds) {
      const current = state(nowMs);
      if (held === undefined) {
        throw conflict(
          'LeaseNotPresentWithLeaseOperation',
          'There is currently no lease on the blob.',
        );
      }
      if (current === 'broken' || current === 'expired') {
        held = { ...held, breaksAtMs: Math.min(held.breaksAtMs ?? nowMs, nowMs) };
        return 0;
      }
      const remainingMs =
        held.breaksAtMs !== undefined
          ? held.breaksAtMs - nowMs
          : held.durationSeconds === -1
            ? 0
            : held.expiresMs - nowMs;
      const askedMs = periodSeconds === undefined ? undefined : periodSeconds * 1000;
      const isInfinite = held.durationSeconds === -1 && held.breaksAtMs === undefined;
      const waitMs =
        askedMs === undefined ? remainingMs : isInfinite ? askedMs : Math.min(askedMs, remainingMs);
      held = { ...held, breaksAtMs: nowMs + waitMs };
      return Math.ceil(waitMs / 1000);
    },
    checkWrite(nowMs, id) {
      if (id !== undefined) {
        checkId(nowMs, id);
        return;
      }
      const current = state(nowMs);
      if (current === 'leased' || current === 'breaking') {
        throw precondition(
          'LeaseIdMissing',
          'There is currently a lease on the blob and no lease ID was specified in the request.',
        );
      }
    },
    checkRead(nowMs, id) {
      if (id !== undefined) {
        checkId(nowMs, id);
      }
    },
    noteWrite(nowMs) {
      const current = state(nowMs);
      if (current === 'expired' || current === 'broken') {
        held = undefined;
      }
    },
  };
}
