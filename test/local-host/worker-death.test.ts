import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  type FixtureHost,
  poll,
  readNotes,
  startFixture,
  startNotingFixture,
} from './fixture-host.ts';

let host: FixtureHost;
let notes: string;

beforeEach(async () => {
  ({ host, notes } = await startNotingFixture());
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await host.dispose();
});

function countNotes(text: string): number {
  return readNotes(notes).filter((line) => line === text).length;
}

it('fails the running activity with the exit code, and its late result is ignored', async () => {
  const id = await host.begin('slowSteps', { names: ['a'], ms: 100 });
  await poll('start', () => (countNotes('start a') === 1 ? true : undefined));
  host.failWorker(137);
  const status = await host.finished(id);
  expect(status.output).toContain("Activity function 'slow' failed:");
  expect(status.output).toContain('exited with code 137');
  await poll('its end', () => (countNotes('end a') === 1 ? true : undefined));
  expect((await host.status(id)).runtimeStatus).toBe('Failed');
});

it('does not come from an activity that outlasts its visibility time-out: the host renews it', async () => {
  await host.stop();
  const second = await startFixture('durable', {
    stateFile: host.stateFile,
    visibilityTimeoutMs: 150,
  });
  expect((await second.run('slowSteps', { names: ['long'], ms: 600 })).runtimeStatus).toBe(
    'Completed',
  );
  await second.dispose();
  expect(countNotes('start long')).toBe(1);
});

it('lets retry options run the activity again', async () => {
  const id = await host.begin('retriesSlow', { name: 'b', ms: 100 });
  await poll('start', () => (countNotes('start b') === 1 ? true : undefined));
  host.failWorker(137);
  expect((await host.finished(id)).output).toEqual({ name: 'b', ms: 100 });
  expect(countNotes('start b')).toBe(2);
});

it('answers 500 with an empty body to an HTTP call in flight', async () => {
  const response = fetch(`${host.url}/api/wait`);
  await poll('the call', () => (countNotes('waiting') === 1 ? true : undefined));
  host.failWorker(137);
  expect((await response).status).toBe(500);
  expect(await (await response).text()).toBe('');
});
