import { afterEach, expect, it } from 'vitest';
import { readHostJson } from '../core/host-json.ts';
import { type WrittenApp, writeApp } from '../fixture-app.ts';
import { poll } from '../fixture-host.ts';
import { createHostClock } from '../host-clock.ts';
import type { LogLine } from '../host-log.ts';
import { createHostLog } from '../host-log.ts';
import { createClientOperations } from './client-operations.ts';
import { createEngine } from './engine.ts';
import { openStore, type Store } from './store.ts';

let app: WrittenApp | undefined;
let store: Store | undefined;

afterEach(() => {
  store?.close();
  app?.remove();
});

it('starts are not atomic: four in one tick are all accepted, and one of them runs', async () => {
  app = writeApp({});
  store = openStore(':memory:');
  const opened = store;
  const lines: LogLine[] = [];
  const clock = createHostClock();
  const log = createHostLog(clock, (line) => lines.push(line));
  const passInput = (json: string) => json;
  const engine = createEngine({
    ...{ store, clock, log, passInput, functions: [], clientData: {} },
    settings: readHostJson(app.dir, {}),
    invoke: () => Promise.reject(new Error('nothing is to be called')),
    ...{ visibilityTimeoutMs: 0, controlVisibilityTimeoutMs: 0 },
    ...{ repeatSeed: undefined, earlyTimerSeed: undefined },
  });
  const operations = createClientOperations(engine, store, clock, log, undefined, passInput);
  const replies = [1, 2, 3, 4].map((n) => operations.startInstance('any', 'race', `{"n":${n}}`));
  expect(replies.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
  await poll('the end', () => (operations.find('race')?.status === 'Failed' ? true : undefined));
  const starts = opened
    .readTurns('race')
    .flatMap((turn) => turn.events)
    .filter((event) => event.EventType === 0);
  expect(starts.map((event) => event['Input'])).toEqual(['{"n":1}']);
  expect(lines.filter((line) => line.message.includes('accepted twice'))).toHaveLength(3);
});
