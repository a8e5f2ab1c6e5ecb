import { describe, expect, it } from 'vitest';
import { createLease } from './lease.ts';
import { StorageError } from './storage-error.ts';

const A = '11111111-1111-1111-1111-111111111111';
const B = '22222222-2222-2222-2222-222222222222';

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof StorageError) {
      return `${error.details.status} ${error.details.code}`;
    }
    throw error;
  }
  return 'none';
}

describe('createLease', () => {
  it('keeps others out until it expires, and lets its holder renew until somebody writes', () => {
    const lease = createLease();
    lease.acquire(0, 15, A);
    expect(codeOf(() => lease.acquire(1, 15, B))).toBe('409 LeaseAlreadyPresent');
    expect(codeOf(() => lease.checkWrite(1, undefined))).toBe('412 LeaseIdMissing');
    expect(codeOf(() => lease.checkWrite(1, B))).toBe('412 LeaseIdMismatchWithBlobOperation');
    expect(codeOf(() => lease.checkWrite(1, A))).toBe('none');
    expect(lease.view(15_000)).toEqual({ state: 'expired', status: 'unlocked' });
    expect(codeOf(() => lease.checkWrite(15_000, A))).toBe('412 LeaseLost');
    expect(lease.renew(15_000, A)).toBe(A);
    expect(codeOf(() => lease.checkWrite(29_000, undefined))).toBe('412 LeaseIdMissing');
    expect(codeOf(() => lease.checkWrite(30_000, undefined))).toBe('none');
    lease.noteWrite(30_000);
    expect(codeOf(() => lease.renew(30_001, A))).toBe('409 LeaseNotPresentWithLeaseOperation');
  });

  it('lasts for ever with -1, and is acquired again by its own id', () => {
    const lease = createLease();
    lease.acquire(0, -1, A);
    expect(lease.view(1e15)).toEqual({ state: 'leased', status: 'locked', duration: 'infinite' });
    lease.acquire(5, 20, A);
    expect(lease.view(5)).toEqual({ state: 'leased', status: 'locked', duration: 'fixed' });
  });

  it('changes its id, twice with the same answer', () => {
    const lease = createLease();
    lease.acquire(0, -1, A);
    expect(lease.change(1, A, B)).toBe(B);
    expect(lease.change(2, A, B)).toBe(B);
    expect(codeOf(() => lease.renew(3, A))).toBe('409 LeaseIdMismatchWithLeaseOperation');
    expect(codeOf(() => createLease().change(0, A, B))).toBe(
      '409 LeaseNotPresentWithLeaseOperation',
    );
  });

  it('breaks: an infinite one at once, a finite one after what remains or was asked', () => {
    const infinite = createLease();
    infinite.acquire(0, -1, A);
    expect(infinite.breakLease(0, undefined)).toBe(0);
    expect(infinite.view(0).state).toBe('broken');
    expect(codeOf(() => infinite.renew(0, A))).toBe('409 LeaseIsBrokenAndCannotBeRenewed');
    expect(infinite.acquire(0, 15, B)).toBe(B);

    const finite = createLease();
    finite.acquire(0, 60, A);
    expect(finite.breakLease(10_000, undefined)).toBe(50);
    expect(finite.breakLease(10_000, 20)).toBe(20);
    expect(finite.view(10_000)).toEqual({ state: 'breaking', status: 'locked' });
    expect(codeOf(() => finite.acquire(11_000, 15, A))).toBe(
      '409 LeaseIsBreakingAndCannotBeAcquired',
    );
    expect(codeOf(() => finite.acquire(11_000, 15, B))).toBe('409 LeaseAlreadyPresent');
    expect(codeOf(() => finite.change(11_000, A, B))).toBe('409 LeaseIsBreakingAndCannotBeChanged');
    expect(codeOf(() => finite.checkWrite(11_000, undefined))).toBe('412 LeaseIdMissing');
    expect(codeOf(() => finite.checkWrite(30_000, undefined))).toBe('none');
    expect(codeOf(() => createLease().breakLease(0, 0))).toBe(
      '409 LeaseNotPresentWithLeaseOperation',
    );
  });

  it('releases to anyone at once, and asks reads only for a right id', () => {
    const lease = createLease();
    lease.acquire(0, -1, A);
    expect(codeOf(() => lease.checkRead(1, undefined))).toBe('none');
    expect(codeOf(() => lease.checkRead(1, B))).toBe('412 LeaseIdMismatchWithBlobOperation');
    expect(codeOf(() => lease.release(1, B))).toBe('409 LeaseIdMismatchWithLeaseOperation');
    lease.release(1, A);
    expect(codeOf(() => lease.checkWrite(1, A))).toBe('412 LeaseNotPresentWithBlobOperation');
    expect(lease.acquire(2, 15, B)).toBe(B);
  });
});
