import { randomUUID } from 'node:crypto';
import type { HostClock } from '../host-clock.ts';
import type { HostLog } from '../host-log.ts';
import { createExecutionId } from './commit-turn.ts';
import type { Engine } from './engine-contract.ts';
import { type InstanceRow, isFinished, type RuntimeStatus } from './instance-model.ts';
import { RewindHangError } from './rewind.ts';
import type { Store } from './store.ts';

/** An HTTP status with the body that the Durable extension answers; undefined: empty. */
export interface ClientReply {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface InstanceFilter {
  createdFromMs?: number;
  createdToMs?: number;
  statuses?: string[];
}

export interface ClientOperations {
  startInstance(
    name: string,
    id: string | undefined,
    input: string,
    version?: string,
  ): ClientReply & { instanceId?: string };
  raiseEvent(id: string, name: string, body: string): ClientReply;
  terminate(id: string, reason: string): ClientReply;
  suspend(id: string, reason: string): ClientReply;
  resume(id: string, reason: string): ClientReply;
  rewind(id: string, reason: string): ClientReply;
  purge(id: string): ClientReply;
  purgeBy(filter: InstanceFilter): ClientReply;
  list(filter: InstanceFilter): InstanceRow[];
  find(id: string): InstanceRow | undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function message(status: number, text: string): ClientReply {
  return { status, body: { Message: text } };
}

const NOT_FOUND: ClientReply = { status: 404 };
const GONE: ClientReply = { status: 410 };
const ACCEPTED: ClientReply = { status: 202 };

function matches(row: InstanceRow, filter: InstanceFilter): boolean {
  return (
    row.createdMs >= (filter.createdFromMs ?? Number.NEGATIVE_INFINITY) &&
    row.createdMs <= (filter.createdToMs ?? Number.POSITIVE_INFINITY) &&
    (!filter.statuses || filter.statuses.includes(row.status))
  );
}

/** What a durable client can ask for, with the answers that the genuine extension was seen to give. */
export function createClientOperations(
  engine: Engine,
  store: Store,
  clock: HostClock,
  log: HostLog,
  defaultVersion: string | undefined,
  passInput: (json: string) => string,
): ClientOperations {
  function createRow(id: string, name: string, input: string, version: string): InstanceRow {
    const nowMs = clock.nowMs();
    return {
      id,
      executionId: createExecutionId(),
      name,
      version,
      status: 'Pending',
      input,
      output: null,
      customStatus: null,
      suspendReason: null,
      createdMs: nowMs,
      updatedMs: nowMs,
      parent: null,
      nextTaskId: 0,
      deferredActions: 0,
      ending: null,
    };
  }

  /** A failed instance that never ran; it says why, where the genuine host leaves it Pending for ever. */
  function refuseStart(row: InstanceRow, reason: string): void {
    const failed: InstanceRow = {
      ...row,
      status: 'Failed' satisfies RuntimeStatus,
      output: JSON.stringify(reason),
    };
    log('error', reason, { function: row.name, instanceId: row.id });
    engine.remove(row.id);
    store.transaction(() => store.saveInstance(failed));
  }

  /** Tells a live instance something; 404 for an unknown, 410 for a finished one. */
  function tell(id: string, act: (row: InstanceRow) => ClientReply): ClientReply {
    const row = engine.find(id);
    if (!row) {
      return NOT_FOUND;
    }
    return isFinished(row.status) ? GONE : act(row);
  }

  function list(filter: InstanceFilter): InstanceRow[] {
    return store.listInstances().filter((row) => matches(row, filter));
  }

  return {
    find: (id) => engine.find(id),
    list,
    startInstance(name, wantedId, input, version) {
      const id = wantedId ?? randomUUID().replaceAll('-', '');
      if (id.startsWith('@')) {
        return message(400, `Instance ids must not start with '@': '${id}'.`);
      }
      if (input !== '' && !isJson(input)) {
        return message(400, 'Invalid JSON content');
      }
      const existing = engine.find(id);
      if (existing?.status === 'Running' || existing?.status === 'Suspended') {
        return message(
          409,
          `An Orchestration instance with the status ${existing.status} already exists.`,
        );
      }
      if (existing?.status === 'Pending') {
        // Starts are not atomic on Azure: all that come before the first turn are accepted, and one runs.
        log('warning', `start of '${id}' accepted twice before its first turn; one of them runs`, {
          function: name,
          instanceId: id,
        });
        return { status: 202, instanceId: id };
      }
      const row = createRow(id, name, passInput(input), version ?? defaultVersion ?? '');
      if (version !== undefined && defaultVersion === undefined) {
        refuseStart(
          row,
          `instance '${id}' was started with version '${version}' but host.json has no extensions.durableTask.defaultVersion; on Azure it would stay Pending for ever`,
        );
        return { status: 202, instanceId: id };
      }
      engine.begin(row);
      return { status: 202, instanceId: id };
    },
    raiseEvent(id, name, body) {
      if (!isJson(body)) {
        return message(400, 'Invalid JSON content');
      }
      return tell(id, () => {
        engine.send(id, { kind: 'event', name, input: body });
        return ACCEPTED;
      });
    },
    terminate: (id, reason) =>
      tell(id, () => {
        engine.send(id, { kind: 'terminate', reason });
        return ACCEPTED;
      }),
    suspend: (id, reason) =>
      tell(id, (row) => {
        if (row.status === 'Suspended') {
          return { status: 500 };
        }
        engine.send(id, { kind: 'suspend', reason });
        return ACCEPTED;
      }),
    resume: (id, reason) =>
      tell(id, (row) => {
        if (row.status !== 'Suspended') {
          return { status: 500 };
        }
        engine.send(id, { kind: 'resume', reason });
        return ACCEPTED;
      }),
    rewind(id, reason) {
      const row = engine.find(id);
      if (!row) {
        return NOT_FOUND;
      }
      if (row.status !== 'Failed') {
        return {
          status: 412,
          body: 'The rewind operation is only supported on failed orchestration instances.',
        };
      }
      try {
        engine.rewind(row, reason);
      } catch (error) {
        if (!(error instanceof RewindHangError)) {
          throw error;
        }
        // It stays Failed and says why, where the genuine host would hang.
        log('error', `misuse of Durable Functions: ${error.message}`, {
          function: row.name,
          instanceId: id,
        });
        store.saveInstance({ ...row, output: JSON.stringify(error.message) });
      }
      return ACCEPTED;
    },
    purge(id) {
      const row = engine.find(id);
      if (!row) {
        return NOT_FOUND;
      }
      if (!isFinished(row.status)) {
        return { status: 412 };
      }
      engine.remove(id);
      return { status: 200, body: { instancesDeleted: 1 } };
    },
    purgeBy(filter) {
      const rows = list(filter).filter((row) => isFinished(row.status));
      for (const row of rows) {
        engine.remove(row.id);
      }
      return rows.length === 0
        ? NOT_FOUND
        : { status: 200, body: { instancesDeleted: rows.length } };
    },
  };
}
