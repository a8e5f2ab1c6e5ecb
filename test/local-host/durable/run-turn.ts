import type { AppFunction } from '../core/app-functions.ts';
import type { FunctionInvoker } from '../core/invoke-function.ts';
import { messageOf } from '../core/load-app.ts';
import type { TypedData } from '../core/worker-protocol.ts';
import type { HostLog } from '../host-log.ts';
import { callOrchestrator, type OrchestratorReply } from './call-orchestrator.ts';
import { NonDeterminismError } from './determinism.ts';
import { createEvent, EVENT_TYPES, type HistoryEvent } from './history-events.ts';
import type { RuntimeStatus } from './instance-model.ts';
import { type ActionList, OrchestratorMisuse } from './orchestrator-actions.ts';
import { type SchedulingContext, scheduleActions } from './schedule-actions.ts';
import { takeControl, takeMessages } from './take-messages.ts';
import { addEvent, discardDecisions, type TurnDraft } from './turn-draft.ts';

export interface TurnContext {
  scheduling: SchedulingContext;
  /** Why this host must not run an instance of the version, or undefined. */
  findVersionMismatch(version: string): string | undefined;
  findOrchestrator(name: string): AppFunction | undefined;
  invoke: FunctionInvoker;
  clientData: TypedData;
  log: HostLog;
}

/** How the instance stands after the turn. */
export type TurnEnd =
  | { kind: 'goesOn' }
  | { kind: 'finished'; status: RuntimeStatus; output: string | null; details: string }
  | { kind: 'continueAsNew'; input: string };

/** The limit of a custom status: 16 KB of UTF-16, cut to whole KB (Durable extension, MessagePayloadDataConverter). */
const CUSTOM_STATUS_LIMIT_KB = 16;

function toCustomStatus(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  const sizeKb = Math.floor((text.length * 2) / 1024);
  if (sizeKb > CUSTOM_STATUS_LIMIT_KB) {
    throw new Error(
      `The UTF-16 size of the JSON-serialized payload must not exceed ${CUSTOM_STATUS_LIMIT_KB} KB. The current payload size is ${sizeKb} KB.`,
    );
  }
  return text;
}

function failed(output: string, details = ''): TurnEnd {
  return { kind: 'finished', status: 'Failed', output: JSON.stringify(output), details };
}

function applyReply(draft: TurnDraft, reply: OrchestratorReply, context: TurnContext): void {
  const { row, openTasks } = draft.execution;
  if (reply.customStatus !== undefined && reply.customStatus !== null) {
    row.customStatus = toCustomStatus(reply.customStatus);
  }
  const list: ActionList = scheduleActions(draft, reply.actions, context.scheduling);
  if (reply.error) {
    row.ending = {
      kind: 'throw',
      output: `Orchestrator function '${row.name}' failed: ${reply.error.message}`,
      details: reply.error.details,
    };
  } else if (list.continueAsNew) {
    const input = list.continueAsNew.input;
    if (typeof input === 'string') {
      throw new OrchestratorMisuse(
        'continueAsNew was called with a bare string, which comes back quoted; pass an object',
      );
    }
    row.ending = { kind: 'continueAsNew', input: JSON.stringify(input ?? null) };
  } else if (reply.isDone) {
    row.ending = { kind: 'return', output: JSON.stringify(reply.output) ?? null };
  } else if (openTasks.size === 0 && !list.waitsForEvent) {
    throw new OrchestratorMisuse(
      `orchestrator '${row.name}' neither ended nor waits for anything (a throw of undefined?); on Azure this instance would stay Running for ever`,
    );
  }
}

function failTurn(draft: TurnDraft, error: unknown, log: HostLog): TurnEnd {
  const { row } = draft.execution;
  const source = { function: row.name, instanceId: row.id };
  // What was scheduled before the failure was found must not start.
  discardDecisions(draft);
  if (error instanceof NonDeterminismError) {
    log('error', error.message, source);
    return failed(error.message);
  }
  const text = `Orchestrator function '${row.name}' failed: ${messageOf(error)}`;
  log(
    'error',
    error instanceof OrchestratorMisuse ? `misuse of Durable Functions: ${text}` : text,
    source,
  );
  return failed(text, error instanceof Error ? (error.stack ?? '') : '');
}

/** What waits for the outstanding tasks takes effect once none is left: there is no fire-and-forget child. */
function settle(draft: TurnDraft): TurnEnd {
  const { row, openTasks } = draft.execution;
  if (!row.ending || openTasks.size > 0) {
    return { kind: 'goesOn' };
  }
  switch (row.ending.kind) {
    case 'return':
      return { kind: 'finished', status: 'Completed', output: row.ending.output, details: '' };
    case 'throw':
      return failed(row.ending.output, row.ending.details);
    case 'continueAsNew':
      return row.ending;
  }
}

function applyControl(draft: TurnDraft): TurnEnd | undefined {
  const message = takeControl(draft);
  if (!message) {
    return undefined;
  }
  const { row } = draft.execution;
  if (message.kind === 'terminate') {
    addEvent(draft, EVENT_TYPES.executionTerminated, { Input: message.reason });
    const output = JSON.stringify(message.reason);
    return { kind: 'finished', status: 'Terminated', output, details: '' };
  }
  const isSuspension = message.kind === 'suspend';
  addEvent(draft, isSuspension ? EVENT_TYPES.executionSuspended : EVENT_TYPES.executionResumed, {
    Reason: message.reason,
  });
  row.status = isSuspension ? 'Suspended' : 'Running';
  row.suspendReason = isSuspension ? message.reason : null;
  return { kind: 'goesOn' };
}

/** Every turn starts with an OrchestratorStarted, whose timestamp is the orchestrator's clock. */
function liveEvents(draft: TurnDraft): HistoryEvent[] {
  return [createEvent(EVENT_TYPES.orchestratorStarted, draft.timestamp), ...draft.events];
}

/** All events of the turn in the order of the history; empty when the turn dropped stale messages only. */
export function historyOf(draft: TurnDraft, end: TurnEnd): HistoryEvent[] {
  if (draft.events.length === 0 && end.kind === 'goesOn') {
    return [];
  }
  const completion =
    end.kind === 'finished'
      ? [
          createEvent(EVENT_TYPES.executionCompleted, draft.timestamp, {
            OrchestrationStatus: end.status,
            Result: end.output,
          }),
        ]
      : [];
  return [
    ...liveEvents(draft),
    ...draft.decisions,
    ...completion,
    createEvent(EVENT_TYPES.orchestratorCompleted, draft.timestamp),
  ];
}

/** Works off what the inbox holds, as far as it fits in one turn, and says how the instance stands afterwards. */
export async function runTurn(draft: TurnDraft, context: TurnContext): Promise<TurnEnd> {
  const control = applyControl(draft);
  if (control) {
    return control;
  }
  const { execution } = draft;
  try {
    const mustCall = takeMessages(draft);
    if (mustCall && !execution.row.ending) {
      const fn = context.findOrchestrator(execution.row.name);
      if (!fn) {
        return failed(
          `The function '${execution.row.name}' doesn't exist, is disabled, or is not an orchestrator function.`,
        );
      }
      const mismatch = context.findVersionMismatch(execution.row.version);
      if (mismatch !== undefined) {
        throw new OrchestratorMisuse(mismatch);
      }
      const reply = await callOrchestrator(
        execution,
        liveEvents(draft),
        fn,
        context.invoke,
        context.clientData,
      );
      applyReply(draft, reply, context);
    }
  } catch (error) {
    return failTurn(draft, error, context.log);
  }
  return settle(draft);
}
