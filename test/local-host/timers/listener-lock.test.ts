import { afterEach, expect, it, vi } from 'vitest';
import { openStore, type Store } from '../durable/store.ts';
import { createHostClock } from '../host-clock.ts';
import { createListenerLock, type ListenerLock } from './listener-lock.ts';

const PERIOD_MS = 60_000;

const locks: ListenerLock[] = [];
const stores: Store[] = [];

afterEach(() => {
  for (const lock of locks.splice(0)) {
    lock.release();
  }
  for (const store of stores.splice(0)) {
    store.close();
  }
});

function open(): Store {
  const store = openStore(':memory:');
  stores.push(store);
  return store;
}

function create(store: Store, clock = createHostClock(), periodMs = PERIOD_MS): ListenerLock {
  const lock = createListenerLock(store, clock, periodMs);
  locks.push(lock);
  return lock;
}

it('that was never taken is taken at once', () => {
  const callback = vi.fn();
  create(open()).acquire(callback);
  expect(callback).toHaveBeenCalledOnce();
});

it('that a killed host left behind is taken when its period has passed', async () => {
  const store = open();
  create(store).acquire(() => undefined);
  const clock = createHostClock();
  const callback = vi.fn();
  create(store, clock).acquire(callback);
  clock.advance(PERIOD_MS - 5_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(callback).not.toHaveBeenCalled();
  clock.advance(5_000);
  await vi.waitFor(() => expect(callback).toHaveBeenCalledOnce());
});

it('that was given back is taken at once', () => {
  const store = open();
  const first = create(store);
  first.acquire(() => undefined);
  first.release();
  const callback = vi.fn();
  create(store).acquire(callback);
  expect(callback).toHaveBeenCalledOnce();
});

it('of no period holds nobody up', () => {
  const store = open();
  create(store).acquire(() => undefined);
  const callback = vi.fn();
  create(store, createHostClock(), 0).acquire(callback);
  expect(callback).toHaveBeenCalledOnce();
});
