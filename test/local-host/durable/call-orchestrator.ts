import type { AppFunction } from '../core/app-functions.ts';
import type { FunctionInvoker } from '../core/invoke-function.ts';
import { messageOf } from '../core/load-app.ts';
import type { TypedData } from '../core/worker-protocol.ts';
import type { HistoryEvent } from './history-events.ts';
import type { Execution } from './instance-model.ts';
import { type Action, OrchestratorMisuse } from './orchestrator-actions.ts';

/** What an orchestrator answered in one turn. */
export interface OrchestratorReply {
  isDone: boolean;
  actions: Action[];
  output: unknown;
  customStatus: unknown;
  /** Message and stack of what it threw. */
  error: { message: string; details: string } | undefined;
}

/** Label before the state in the message of a failed orchestrator (durable-functions, OrchestrationFailureError). */
const STATE_LABEL = '\n\n$OutOfProcData$:';

interface RawState {
  isDone?: boolean;
  actions?: Action[][];
  output?: unknown;
  customStatus?: unknown;
  error?: string;
}

/** The trigger data, put together from texts: parsing and printing the whole history again would double the cost. */
function buildTrigger(execution: Execution, events: readonly HistoryEvent[]): string {
  const { row, played } = execution;
  const history = [...played, ...events.map((event) => JSON.stringify(event))].join(',');
  const rest = JSON.stringify({
    instanceId: row.id,
    isReplaying: played.length > 0,
    parentInstanceId: row.parent?.instanceId ?? null,
    upperSchemaVersion: 1,
    upperSchemaVersionNew: 3,
    longRunningTimerIntervalDuration: '3.00:00:00',
    // The genuine host says 6 days; a larger value keeps the library from splitting long timers.
    maximumShortTimerDuration: '36500.00:00:00',
    defaultHttpAsyncRequestSleepTimeMillseconds: 30000,
  });
  const input = row.input === '' ? '""' : row.input;
  return `{"history":[${history}],"input":${input},${rest.slice(1)}`;
}

function toReply(state: RawState): OrchestratorReply {
  return {
    isDone: state.isDone === true,
    actions: state.actions?.[0] ?? [],
    output: state.output,
    customStatus: state.customStatus,
    error: undefined,
  };
}

function readFailure(name: string, error: unknown): OrchestratorReply {
  const text = messageOf(error);
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const at = text.indexOf(STATE_LABEL);
  if (at < 0) {
    return {
      ...toReply({}),
      error: { message: text, details: stack },
    };
  }
  const state = JSON.parse(text.slice(at + STATE_LABEL.length)) as RawState;
  if (!state.error) {
    throw new OrchestratorMisuse(
      `orchestrator '${name}' threw something that is no Error or has an empty message; throw an Error with a message`,
    );
  }
  const advice = /generator\.next is not a function|yielded data of type/.test(state.error)
    ? ' (an orchestrator must be a plain generator function and yield tasks only: neither async nor await)'
    : '';
  return {
    ...toReply(state),
    isDone: false,
    error: { message: `${state.error}${advice}`, details: stack },
  };
}

/**
 * Calls the orchestrator over its whole history. A throw of user code comes back as `error`; `OrchestratorMisuse` is
 * thrown for what the genuine host answers with silence.
 */
export async function callOrchestrator(
  execution: Execution,
  events: readonly HistoryEvent[],
  fn: AppFunction,
  invoke: FunctionInvoker,
  clientData: TypedData,
): Promise<OrchestratorReply> {
  try {
    const { result } = await invoke(fn, {
      inputData: [
        { name: fn.triggerName, data: { string: buildTrigger(execution, events) } },
        ...fn.clientBindings.map((name) => ({ name, data: clientData })),
      ],
      instanceId: execution.row.id,
    });
    return toReply((result ?? {}) as RawState);
  } catch (error) {
    return readFailure(fn.name, error);
  }
}
