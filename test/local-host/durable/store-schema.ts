/** Bumped when the tables change; a state file of another version is refused. */
export const STORE_VERSION = 2;

export const STORE_SCHEMA = `
create table if not exists meta (key text primary key, value text not null) without rowid;
create table if not exists instances (
  id text primary key,
  status text not null,
  created_ms integer not null,
  body text not null
) without rowid;
create index if not exists instances_by_creation on instances (created_ms, id);
create table if not exists history (
  instance_id text not null,
  turn integer not null,
  events text not null,
  schedules text not null,
  primary key (instance_id, turn)
) without rowid;
create table if not exists open_tasks (
  instance_id text not null,
  task_id integer not null,
  body text not null,
  primary key (instance_id, task_id)
) without rowid;
create table if not exists inbox (
  seq integer primary key autoincrement,
  instance_id text not null,
  message text not null,
  visible_ms integer not null default 0
);
create table if not exists work (
  seq integer primary key autoincrement,
  instance_id text not null,
  execution_id text not null,
  task_id integer not null,
  name text not null,
  input text not null,
  visible_ms integer not null
);
create table if not exists timers (name text primary key, status text not null) without rowid;
`;
