import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { HistoryEvent } from './history-events.ts';
import type {
  InstanceMessage,
  InstanceRow,
  OpenTask,
  RuntimeStatus,
  Schedule,
  StoredMessage,
  WorkItem,
} from './instance-model.ts';
import { STORE_SCHEMA, STORE_VERSION } from './store-schema.ts';

/**
 * The state of one local host in one SQLite file: write-ahead log, one transaction per turn, so that a kill at any
 * moment leaves either the old state or the new.
 */
export interface Store {
  transaction<T>(body: () => T): T;
  getMeta(key: string): string | undefined;
  setMeta(key: string, value: string): void;
  getInstance(id: string): InstanceRow | undefined;
  saveInstance(row: InstanceRow): void;
  /** All instances by creation time, or those with one of `statuses`. */
  listInstances(statuses?: readonly RuntimeStatus[]): InstanceRow[];
  /** Removes the instance, its history, its open tasks and its messages. */
  deleteInstance(id: string): void;
  /** Removes history and open tasks, not the instance nor its messages. */
  clearExecution(id: string): void;
  appendTurn(id: string, turn: number, events: HistoryEvent[], schedules: Schedule[]): void;
  /** Writes a turn that exists anew. */
  replaceTurn(id: string, turn: number, events: HistoryEvent[], schedules: Schedule[]): void;
  readTurns(id: string): { events: HistoryEvent[]; schedules: Schedule[] }[];
  putOpenTask(id: string, task: OpenTask): void;
  deleteOpenTask(id: string, taskId: number): void;
  listOpenTasks(id: string): OpenTask[];
  /** Returns the sequence number of the message. */
  addMessage(id: string, message: InstanceMessage): number;
  deleteMessage(seq: number): void;
  hideMessage(seq: number, visibleMs: number): void;
  listMessages(): StoredMessage[];
  addWork(item: Omit<WorkItem, 'seq'>): WorkItem;
  deleteWork(seq: number): void;
  hideWork(seq: number, visibleMs: number): void;
  listWork(): WorkItem[];
  getTimerStatus(name: string): string | undefined;
  setTimerStatus(name: string, status: string): void;
  close(): void;
}

type Row = Record<string, string | number | null | bigint | Uint8Array>;

const text = (row: Row, column: string): string => String(row[column]);
const integer = (row: Row, column: string): number => Number(row[column]);

function openDatabase(file: string): DatabaseSync {
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(file);
  } catch (error) {
    throw new Error(`the state file ${file} cannot be opened: ${String(error)}`);
  }
  db.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma busy_timeout = 2000;');
  db.exec(STORE_SCHEMA);
  return db;
}

/** Opens or creates the state file. Throws when it was written by another version of the local host. */
export function openStore(file: string): Store {
  const db = openDatabase(file);
  const cache = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    const known = cache.get(sql);
    if (known) {
      return known;
    }
    const statement = db.prepare(sql);
    cache.set(sql, statement);
    return statement;
  };
  const get = (sql: string, ...values: (string | number)[]): Row | undefined =>
    prepare(sql).get(...values) as Row | undefined;
  const all = (sql: string, ...values: (string | number)[]): Row[] =>
    prepare(sql).all(...values) as Row[];
  const run = (sql: string, ...values: (string | number)[]): number =>
    Number(prepare(sql).run(...values).lastInsertRowid);
  const parseInstance = (row: Row): InstanceRow => JSON.parse(text(row, 'body')) as InstanceRow;

  const store: Store = {
    transaction(body) {
      db.exec('begin immediate');
      try {
        const result = body();
        db.exec('commit');
        return result;
      } catch (error) {
        db.exec('rollback');
        throw error;
      }
    },
    getMeta: (key) => {
      const row = get('select value from meta where key = ?', key);
      return row && text(row, 'value');
    },
    setMeta: (key, value) => {
      run('insert or replace into meta (key, value) values (?, ?)', key, value);
    },
    getInstance: (id) => {
      const row = get('select body from instances where id = ?', id);
      return row && parseInstance(row);
    },
    saveInstance: (row) => {
      run(
        'insert or replace into instances (id, status, created_ms, body) values (?, ?, ?, ?)',
        row.id,
        row.status,
        row.createdMs,
        JSON.stringify(row),
      );
    },
    listInstances: (statuses) => {
      const rows = statuses
        ? all(
            'select body from instances where status in (select value from json_each(?)) order by created_ms, id',
            JSON.stringify(statuses),
          )
        : all('select body from instances order by created_ms, id');
      return rows.map(parseInstance);
    },
    deleteInstance: (id) => {
      run('delete from instances where id = ?', id);
      run('delete from inbox where instance_id = ?', id);
      store.clearExecution(id);
    },
    clearExecution: (id) => {
      run('delete from history where instance_id = ?', id);
      run('delete from open_tasks where instance_id = ?', id);
    },
    appendTurn: (id, turn, events, schedules) => {
      run(
        'insert into history (instance_id, turn, events, schedules) values (?, ?, ?, ?)',
        id,
        turn,
        JSON.stringify(events),
        JSON.stringify(schedules),
      );
    },
    replaceTurn: (id, turn, events, schedules) => {
      run(
        'update history set events = ?, schedules = ? where instance_id = ? and turn = ?',
        JSON.stringify(events),
        JSON.stringify(schedules),
        id,
        turn,
      );
    },
    readTurns: (id) =>
      all('select events, schedules from history where instance_id = ? order by turn', id).map(
        (row) => ({
          events: JSON.parse(text(row, 'events')) as HistoryEvent[],
          schedules: JSON.parse(text(row, 'schedules')) as Schedule[],
        }),
      ),
    putOpenTask: (id, task) => {
      run(
        'insert or replace into open_tasks (instance_id, task_id, body) values (?, ?, ?)',
        id,
        task.id,
        JSON.stringify(task),
      );
    },
    deleteOpenTask: (id, taskId) => {
      run('delete from open_tasks where instance_id = ? and task_id = ?', id, taskId);
    },
    listOpenTasks: (id) =>
      all('select body from open_tasks where instance_id = ? order by task_id', id).map(
        (row) => JSON.parse(text(row, 'body')) as OpenTask,
      ),
    addMessage: (id, message) =>
      run('insert into inbox (instance_id, message) values (?, ?)', id, JSON.stringify(message)),
    deleteMessage: (seq) => {
      run('delete from inbox where seq = ?', seq);
    },
    hideMessage: (seq, visibleMs) => {
      run('update inbox set visible_ms = ? where seq = ?', visibleMs, seq);
    },
    listMessages: () =>
      all('select * from inbox order by seq').map((row) => ({
        instanceId: text(row, 'instance_id'),
        visibleMs: integer(row, 'visible_ms'),
        item: {
          seq: integer(row, 'seq'),
          message: JSON.parse(text(row, 'message')) as InstanceMessage,
        },
      })),
    addWork: (item) => {
      const seq = run(
        'insert into work (instance_id, execution_id, task_id, name, input, visible_ms) values (?, ?, ?, ?, ?, ?)',
        item.instanceId,
        item.executionId,
        item.taskId,
        item.name,
        item.input,
        item.visibleMs,
      );
      return { seq, ...item };
    },
    deleteWork: (seq) => {
      run('delete from work where seq = ?', seq);
    },
    hideWork: (seq, visibleMs) => {
      run('update work set visible_ms = ? where seq = ?', visibleMs, seq);
    },
    listWork: () =>
      all('select * from work order by seq').map((row) => ({
        seq: integer(row, 'seq'),
        instanceId: text(row, 'instance_id'),
        executionId: text(row, 'execution_id'),
        taskId: integer(row, 'task_id'),
        name: text(row, 'name'),
        input: text(row, 'input'),
        visibleMs: integer(row, 'visible_ms'),
      })),
    getTimerStatus: (name) => {
      const row = get('select status from timers where name = ?', name);
      return row && text(row, 'status');
    },
    setTimerStatus: (name, status) => {
      run('insert or replace into timers (name, status) values (?, ?)', name, status);
    },
    close: () => db.close(),
  };

  const version = store.getMeta('version');
  if (version === undefined) {
    store.setMeta('version', String(STORE_VERSION));
  } else if (version !== String(STORE_VERSION)) {
    db.close();
    throw new Error(
      `the state file ${file} has version ${version}, this host writes ${STORE_VERSION}`,
    );
  }
  return store;
}
