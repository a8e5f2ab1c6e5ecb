import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FixtureHost, startFixture } from '../fixture-host.ts';
import { EVENT_TYPES, type HistoryEvent } from './history-events.ts';

let host: FixtureHost;

beforeEach(async () => {
  host = await startFixture('durable');
});

afterEach(async () => {
  await host.dispose();
});

function readEvents(id: string): HistoryEvent[] {
  const db = new DatabaseSync(host.stateFile, { readOnly: true });
  const rows = db.prepare('select events from history where instance_id = ? order by turn').all(id);
  db.close();
  return rows.flatMap((row) => JSON.parse(String(row['events'])) as HistoryEvent[]);
}

it.each([
  ['catches', {}, EVENT_TYPES.taskFailed, "Activity function 'fail' failed:  on purpose"],
  [
    'parent',
    { child: 'fails', input: {} },
    EVENT_TYPES.subFailed,
    "Orchestrator function 'fails' failed: broken on purpose",
  ],
])(
  '%s receives the failure as texts, with FailureDetails null',
  async (name, input, type, text) => {
    const { instanceId } = await host.run(name, input);
    const failures = readEvents(instanceId).filter((event) => event.EventType === type);
    expect(failures).toEqual([
      expect.objectContaining({
        TaskScheduledId: 0,
        Reason: text,
        Details: expect.any(String),
        FailureDetails: null,
      }),
    ]);
  },
);
