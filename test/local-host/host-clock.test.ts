import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createHostClock } from './host-clock.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the clock', () => {
  it('calls back when the instant has come, not before, and never synchronously', () => {
    const clock = createHostClock();
    const callback = vi.fn();
    clock.callAt(clock.nowMs() + 1_000, callback);
    clock.callAt(clock.nowMs() - 1_000, callback);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(998);
    expect(callback).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(2);
  });

  it('waits longer than a Node timer can', () => {
    const clock = createHostClock();
    const callback = vi.fn();
    const yearMs = 365 * 86_400_000;
    clock.callAt(clock.nowMs() + yearMs, callback);
    vi.advanceTimersByTime(yearMs - 1);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('makes the calls that a jump makes due, once', () => {
    const clock = createHostClock();
    const callback = vi.fn();
    clock.callAt(clock.nowMs() + 60_000, callback);
    clock.advance(60_000);
    vi.advanceTimersByTime(60_001);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('does not call what was cancelled', () => {
    const clock = createHostClock();
    const callback = vi.fn();
    clock.callAt(clock.nowMs() + 10, callback)();
    clock.advance(20);
    vi.advanceTimersByTime(20);
    expect(callback).not.toHaveBeenCalled();
  });

  it('starts with its offset', () => {
    expect(createHostClock(5_000).nowMs() - Date.now()).toBe(5_000);
  });
});
