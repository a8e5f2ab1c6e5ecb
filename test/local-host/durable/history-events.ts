/**
 * History events as the Durable extension hands them to a worker: the enumeration and the members are those of
 * `DurableTask.Core.History` in github.com/Azure/durabletask.
 */

export const EVENT_TYPES = {
  executionStarted: 0,
  executionCompleted: 1,
  executionTerminated: 3,
  taskScheduled: 4,
  taskCompleted: 5,
  taskFailed: 6,
  subCreated: 7,
  subCompleted: 8,
  subFailed: 9,
  timerCreated: 10,
  timerFired: 11,
  orchestratorStarted: 12,
  orchestratorCompleted: 13,
  eventSent: 14,
  eventRaised: 15,
  continueAsNew: 16,
  generic: 17,
  executionSuspended: 19,
  executionResumed: 20,
} as const;

export type EventType = (typeof EVENT_TYPES)[keyof typeof EVENT_TYPES];

export interface HistoryEvent {
  EventType: EventType;
  EventId: number;
  IsPlayed: boolean;
  Timestamp: string;
  [member: string]: unknown;
}

/** Names under which the status query lists events. */
const NAMES: Record<EventType, string> = {
  0: 'ExecutionStarted',
  1: 'ExecutionCompleted',
  3: 'ExecutionTerminated',
  4: 'TaskScheduled',
  5: 'TaskCompleted',
  6: 'TaskFailed',
  7: 'SubOrchestrationInstanceCreated',
  8: 'SubOrchestrationInstanceCompleted',
  9: 'SubOrchestrationInstanceFailed',
  10: 'TimerCreated',
  11: 'TimerFired',
  12: 'OrchestratorStarted',
  13: 'OrchestratorCompleted',
  14: 'EventSent',
  15: 'EventRaised',
  16: 'ContinueAsNew',
  17: 'GenericEvent',
  19: 'ExecutionSuspended',
  20: 'ExecutionResumed',
};

export function eventName(type: EventType): string {
  return NAMES[type];
}

/** A live event; `eventId` is -1 for all but the events that schedule something. */
export function createEvent(
  type: EventType,
  timestamp: string,
  members: Record<string, unknown> = {},
  eventId = -1,
): HistoryEvent {
  return { EventType: type, EventId: eventId, IsPlayed: false, Timestamp: timestamp, ...members };
}

/** The event as JSON text, the way it is handed over in every later turn. */
export function toPlayedText(event: HistoryEvent): string {
  return JSON.stringify({ ...event, IsPlayed: true });
}
