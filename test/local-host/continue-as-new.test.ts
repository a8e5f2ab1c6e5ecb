import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FixtureHost, poll, startFixture } from './fixture-host.ts';
import { createHostClock, type HostClock } from './host-clock.ts';

let host: FixtureHost;
let clock: HostClock;

beforeEach(async () => {
  clock = createHostClock();
  host = await startFixture('durable', { clock });
});

afterEach(async () => {
  await host.dispose();
});

/** The types of the events of each turn. */
function readHistory(stateFile: string, id: string): number[][] {
  const db = new DatabaseSync(stateFile, { readOnly: true });
  const rows = db.prepare('select events from history where instance_id = ? order by turn').all(id);
  db.close();
  return rows.map((row) =>
    (JSON.parse(String(row['events'])) as { EventType: number }[]).map((event) => event.EventType),
  );
}

it('gives the instance another execution id, hence its children other ids', async () => {
  await host.run('loopsWithChild', { left: 2 });
  const all = await host.client<{ name: string; instanceId: string }[]>('getStatusAll');
  const children = all.filter(({ name }) => name === 'returnsInput').map((row) => row.instanceId);
  expect(new Set(children).size).toBe(3);
});

it('resets the creation time', async () => {
  const id = await host.begin('loopsDroppingEvents', { round: 0 });
  const before = await host.until(id, ({ runtimeStatus }) => runtimeStatus === 'Running');
  clock.advance(60_000);
  await host.client('raiseEvent', id, 'next', {});
  const after = await host.until(id, ({ input }) => (input as { round: number }).round === 1);
  const elapsedMs = Date.parse(after.createdTime) - Date.parse(before.createdTime);
  expect(elapsedMs).toBeGreaterThanOrEqual(60_000);
});

it('has a new history, which begins with one turn of its own', async () => {
  const id = await host.begin('loopsDroppingEvents', { round: 0 });
  await host.client('raiseEvent', id, 'next', {});
  await host.until(id, ({ input }) => (input as { round: number }).round === 1);
  const turns = await poll('the first turn', () => {
    const read = readHistory(host.stateFile, id);
    return read.length > 0 ? read : undefined;
  });
  expect(turns).toEqual([[12, 0, 13]]);
});

it('starts the new history before events that were still on their way', async () => {
  const id = await host.begin('loopsDroppingEvents', { round: 0 });
  await host.until(id, ({ runtimeStatus }) => runtimeStatus === 'Running');
  await host.stop();
  const db = new DatabaseSync(host.stateFile);
  const insert = db.prepare('insert into inbox (instance_id, message) values (?, ?)');
  const next = { kind: 'event', name: 'next', input: '{}' };
  const pause = { kind: 'suspend', reason: 'so that the next event is a turn later' };
  for (const message of [next, pause, { kind: 'resume', reason: '' }, next]) {
    insert.run(id, JSON.stringify(message));
  }
  const second = await startFixture('durable', { stateFile: host.stateFile });
  expect((await second.finished(id)).output).toEqual({ round: 1 });
  await second.dispose();
  db.close();
  expect(readHistory(host.stateFile, id)[0]?.slice(0, 2)).toEqual([12, 0]);
});
