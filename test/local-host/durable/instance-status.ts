import { eventName, type HistoryEvent } from './history-events.ts';
import type { InstanceRow } from './instance-model.ts';
import type { Store } from './store.ts';

export interface StatusOptions {
  showHistory: boolean;
  showHistoryOutput: boolean;
  showInput: boolean;
}

/** The status times of the genuine host have whole seconds. */
function toStatusTime(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}

function parseOrNull(text: string | null): unknown {
  return text === null || text === '' ? null : JSON.parse(text);
}

/** Scheduling events are folded into their outcomes, and turns are left out. */
const LISTED = new Set([0, 1, 3, 5, 6, 8, 9, 11, 14, 15, 17, 19, 20]);

function toHistoryEvents(events: HistoryEvent[], showOutput: boolean): Record<string, unknown>[] {
  const scheduled = new Map<number, HistoryEvent>();
  const listed: Record<string, unknown>[] = [];
  for (const event of events) {
    if (event.EventId >= 0) {
      scheduled.set(event.EventId, event);
    }
    if (!LISTED.has(event.EventType)) {
      continue;
    }
    const { EventType: type, EventId: _id, IsPlayed: _played, Input, Result, ...rest } = event;
    const origin = scheduled.get(Number(event['TaskScheduledId'] ?? -1));
    listed.push({
      EventType: eventName(type),
      ...rest,
      ...(origin ? { FunctionName: origin['Name'], ScheduledTime: origin.Timestamp } : {}),
      ...(showOutput && Result !== undefined
        ? { Result: parseOrNull(Result as string | null) }
        : {}),
      ...(showOutput && Input !== undefined ? { Input } : {}),
    });
  }
  return listed;
}

/** The status of an instance as the client's getStatus returns it. */
export function describeInstance(
  row: InstanceRow,
  options: StatusOptions,
  store: Store,
): Record<string, unknown> {
  const output = row.status === 'Suspended' ? JSON.stringify(row.suspendReason ?? '') : row.output;
  const status = {
    name: row.name,
    instanceId: row.id,
    runtimeStatus: row.status,
    input: options.showInput ? parseOrNull(row.input) : null,
    customStatus: parseOrNull(row.customStatus),
    output: parseOrNull(output),
    createdTime: toStatusTime(row.createdMs),
    lastUpdatedTime: toStatusTime(row.updatedMs),
  };
  if (!options.showHistory) {
    return status;
  }
  const events = store.readTurns(row.id).flatMap((turn) => turn.events);
  return { ...status, historyEvents: toHistoryEvents(events, options.showHistoryOutput) };
}
