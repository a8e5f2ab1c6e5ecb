import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { callClient, poll } from './fixture-host.ts';
import { beginSlowSteps, createFixtureProcess, type FixtureProcess } from './fixture-process.ts';

let fixture: FixtureProcess;

beforeEach(() => {
  fixture = createFixtureProcess();
});

afterEach(async () => {
  await fixture.dispose();
});

function readLock(): number {
  const db = new DatabaseSync(fixture.stateFile, { readOnly: true });
  const row = db.prepare("select value from meta where key = 'listenerLockUntilMs'").get();
  db.close();
  return Number(row?.['value']);
}

it('a host that is killed hides the turn in flight and locks timer functions; idle instances go on', async () => {
  const args = [
    ...['--control-visibility-timeout-ms', '3000'],
    ...['--listener-lock-period-ms', '60000'],
  ];
  const first = await fixture.start(args, { FIXTURE_CHANGE: 'blocks' });
  await callClient(first.url, 'startNew', [
    'collects',
    { instanceId: 'idle', input: { count: 1 } },
  ]);
  // The process blocks in the turn: nobody answers.
  void callClient(first.url, 'startNew', ['blocksWhenTold', { instanceId: 'turn' }]).catch(
    () => undefined,
  );
  await poll('the turn', () => (fixture.countNotes('in the turn') === 1 ? true : undefined));
  const killedMs = Date.now();
  await first.kill('SIGKILL');
  expect(readLock()).toBeGreaterThan(killedMs + 20_000);
  const second = await fixture.start(args);
  await callClient(second.url, 'raiseEvent', ['idle', 'item', { n: 1 }]);
  expect((await fixture.finished(second.url, 'idle')).output).toEqual([{ n: 1 }]);
  expect((await fixture.finished(second.url, 'turn')).output).toEqual({ ran: true });
  expect(Date.now() - killedMs).toBeGreaterThan(2_500);
}, 30_000);

it('a host that is told to stop keeps the outcome of its activity from the next for the time-out', async () => {
  const args = ['--control-visibility-timeout-ms', '3000'];
  const first = await fixture.start(args);
  await beginSlowSteps(first.url, 'run', ['a'], 300);
  await poll('start', () => (fixture.countNotes('start a') > 0 ? true : undefined));
  const toldMs = Date.now();
  expect(await first.kill('SIGTERM')).toBe(0);
  const second = await fixture.start(args);
  expect((await fixture.finished(second.url, 'run')).runtimeStatus).toBe('Completed');
  expect(Date.now() - toldMs).toBeGreaterThan(3_000);
  expect(fixture.countNotes('start a')).toBe(1);
}, 30_000);

it('a worker that dies in a later turn makes the instance Failed with a misleading text, and rewind works', async () => {
  const first = await fixture.start([], { FIXTURE_CHANGE: 'dies' });
  await callClient(first.url, 'startNew', ['brokenWhenTold', { instanceId: 'run' }]).catch(
    () => undefined,
  );
  expect(await first.exited).toBe(3);
  const second = await fixture.start();
  const status = await fixture.finished(second.url, 'run');
  expect(status.runtimeStatus).toBe('Failed');
  expect(status.output).toContain(
    "Non-Deterministic workflow detected: A previous execution of this orchestration scheduled an activity task with sequence ID 0 and name 'echo'",
  );
  await callClient(second.url, 'rewind', ['run', 'again']);
  const rewound = await poll('the end', async () => {
    const current = await fixture.finished(second.url, 'run');
    return current.runtimeStatus === 'Completed' ? current : undefined;
  });
  expect(rewound.output).toEqual({ mended: true });
}, 30_000);

it('a third death of the worker ends the host', async () => {
  const host = await fixture.start();
  for (let deaths = 1; deaths <= 3; deaths += 1) {
    host.failWorker();
    await poll(`death ${deaths}`, () =>
      fixture.log().split('exited with code 137').length > deaths ? true : undefined,
    );
  }
  expect(await host.exited).toBe(1);
  expect(fixture.log()).toContain('Exceeded language worker restart retry count');
}, 30_000);
