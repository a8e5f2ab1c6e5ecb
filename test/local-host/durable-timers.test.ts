import { afterEach, expect, it } from 'vitest';
import { type FixtureHost, startFixture } from './fixture-host.ts';
import { createHostClock } from './host-clock.ts';

let host: FixtureHost;

afterEach(async () => {
  await host.dispose();
});

it('fires not before it is due', async () => {
  host = await startFixture('durable');
  const { output } = await host.run('timer', { ms: 50 });
  expect((output as { earlyMs: number }).earlyMs).toBeLessThanOrEqual(0);
});

it('fires up to a second early in the seeded mode', async () => {
  host = await startFixture('durable', { earlyTimerSeed: 7 });
  const early: number[] = [];
  for (let i = 0; i < 3; i += 1) {
    const { output } = await host.run('timer', { ms: 1_200 });
    early.push((output as { earlyMs: number }).earlyMs);
  }
  expect(Math.max(...early)).toBeGreaterThan(0);
  expect(Math.max(...early)).toBeLessThanOrEqual(1_000);
});

it('lets a retry come up to a second early in the seeded mode', async () => {
  host = await startFixture('durable', { earlyTimerSeed: 7 });
  const elapsed = await Promise.all(
    ['e1', 'e2', 'e3', 'e4'].map(async (key) => {
      const startedMs = Date.now();
      const { output } = await host.run('retries', {
        key,
        failures: 1,
        attempts: 2,
        delayMs: 1_500,
      });
      expect(output).toMatchObject({ first: { attempt: 2 } });
      return Date.now() - startedMs;
    }),
  );
  expect(Math.min(...elapsed)).toBeLessThan(1_500);
  expect(Math.min(...elapsed)).toBeGreaterThanOrEqual(500);
});

it('loses against an event and is cancelled, so that the instance ends at once', async () => {
  host = await startFixture('durable');
  const id = await host.begin('race', { timeoutMs: 60_000 });
  await host.client('raiseEvent', id, 'go', {});
  expect((await host.finished(id)).output).toEqual({ winner: 'event', data: {} });
});

it('that is not cancelled keeps the instance running until it fires', async () => {
  host = await startFixture('durable');
  const startedMs = Date.now();
  const id = await host.begin('race', { timeoutMs: 300, cancels: false });
  await host.client('raiseEvent', id, 'go', {});
  expect((await host.finished(id)).output).toEqual({ winner: 'event', data: {} });
  expect(Date.now() - startedMs).toBeGreaterThanOrEqual(300);
});

it('of a week fires when the clock moves, in one piece', async () => {
  const clock = createHostClock();
  host = await startFixture('durable', { clock });
  const weekMs = 7 * 86_400_000;
  const id = await host.begin('timer', { ms: weekMs });
  await host.until(id, ({ runtimeStatus }) => runtimeStatus === 'Running');
  clock.advance(weekMs + 1_000);
  expect((await host.finished(id)).runtimeStatus).toBe('Completed');
});

it('survives a restart', async () => {
  host = await startFixture('durable');
  const id = await host.begin('timer', { ms: 300 });
  await host.until(id, ({ runtimeStatus }) => runtimeStatus === 'Running');
  await host.stop();
  const second = await startFixture('durable', { stateFile: host.stateFile });
  expect((await second.finished(id)).runtimeStatus).toBe('Completed');
  await second.dispose();
});
