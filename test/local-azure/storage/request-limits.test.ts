import { describe, expect, it } from 'vitest';
import { createRequestLimiter } from './request-limits.ts';
import { StorageError } from './storage-error.ts';

const blob = {};

function refusals(count: number, limits: Parameters<typeof createRequestLimiter>[0], bytes = 0) {
  const limiter = createRequestLimiter(limits);
  let refused = 0;
  for (let index = 0; index < count; index++) {
    try {
      limiter.admit(blob, bytes);
    } catch (error) {
      if (!(error instanceof StorageError)) {
        throw error;
      }
      expect(error.details).toMatchObject({ status: 503, code: 'ServerBusy' });
      expect(error.details.headers).toBeUndefined();
      refused += 1;
    }
  }
  return refused;
}

describe('createRequestLimiter', () => {
  it('admits everything without limits', () => {
    expect(refusals(10_000, undefined, 2 ** 30)).toBe(0);
  });

  it('refuses requests over the rate, without Retry-After', () => {
    expect(refusals(600, { requestsPerSecond: 500, bytesPerSecond: 1 })).toBe(100);
  });

  it('refuses bytes over the rate, but never the first request of a second', () => {
    const limits = { requestsPerSecond: 500, bytesPerSecond: 60 * 2 ** 20 };
    expect(refusals(20, limits, 4 * 2 ** 20)).toBe(5);
    expect(refusals(2, limits, 100 * 2 ** 20)).toBe(1);
  });

  it('counts each blob for itself', () => {
    const limiter = createRequestLimiter({ requestsPerSecond: 1, bytesPerSecond: 1 });
    limiter.admit({}, 0);
    limiter.admit({}, 0);
    limiter.admit(blob, 0);
    expect(() => limiter.admit(blob, 0)).toThrow(StorageError);
  });
});
