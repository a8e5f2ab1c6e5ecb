import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { LogLine } from './host-log.ts';
import { type LocalHost, type LocalHostOptions, startLocalHost } from './start-local-host.ts';

/** What getStatus of the durable client returns, as JSON. */
export interface StatusBody {
  name: string;
  instanceId: string;
  runtimeStatus: string;
  input: unknown;
  output: unknown;
  customStatus: unknown;
  createdTime: string;
  lastUpdatedTime: string;
}

/** A fixture app that runs in this process. */
export interface FixtureHost extends LocalHost {
  dir: string;
  stateFile: string;
  logs: LogLine[];
  /** Calls a method of the app's durable client through the HTTP function `client`; throws what it rejects with. */
  client<T = unknown>(method: string, ...args: unknown[]): Promise<T>;
  /** Starts an instance and returns its id. */
  begin(name: string, input?: unknown, instanceId?: string): Promise<string>;
  status(id: string): Promise<StatusBody>;
  /** Polls until the status satisfies the condition. */
  until(id: string, condition: (status: StatusBody) => boolean): Promise<StatusBody>;
  /** Polls until the instance has finished. */
  finished(id: string): Promise<StatusBody>;
  /** Starts an instance and waits for its end. */
  run(name: string, input?: unknown, instanceId?: string): Promise<StatusBody>;
  /** Stops the host and removes its folder. */
  dispose(): Promise<void>;
}

const DEADLINE_MS = 10_000;
const POLL_MS = 10;

export function fixtureDir(name: string): string {
  return join(import.meta.dirname, 'fixtures', name);
}

/** Polls `read` until it gives something; fails with `what` at the deadline. */
export async function poll<T>(
  what: string,
  read: () => T | undefined | Promise<T | undefined>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const endMs = Date.now() + deadlineMs;
  while (true) {
    const value = await read();
    if (value !== undefined) {
      return value;
    }
    if (Date.now() > endMs) {
      throw new Error(`not within ${deadlineMs} ms: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Calls a method of the durable client of the fixture app behind `url`. */
export async function callClient<T>(url: string, method: string, args: unknown[]): Promise<T> {
  const response = await fetch(`${url}/api/client/${method}`, {
    method: 'POST',
    body: JSON.stringify(args),
  });
  const text = await response.text();
  if (text === '') {
    throw new Error(`HTTP ${response.status} from the client function`);
  }
  const body = JSON.parse(text) as { result?: T; error?: string };
  if (body.error !== undefined) {
    throw new Error(body.error);
  }
  return body.result as T;
}

function isFinished({ runtimeStatus }: StatusBody): boolean {
  return ['Completed', 'Failed', 'Terminated'].includes(runtimeStatus);
}

/** Lines of a file that fixture activities write to; none when it does not exist. */
export function readNotes(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

/** Starts the fixture app `name` in this process on a new state file, or on the one given. */
export async function startFixture(
  name: string,
  options: Partial<LocalHostOptions> = {},
): Promise<FixtureHost> {
  const dir = mkdtempSync(join(tmpdir(), 'local-host-'));
  const stateFile = options.stateFile ?? join(dir, 'state.sqlite');
  const logs: LogLine[] = [];
  let host: LocalHost;
  try {
    host = await startLocalHost({
      appDir: fixtureDir(name),
      writeLog: (line) => logs.push(line),
      ...options,
      stateFile,
    });
  } catch (error) {
    rmSync(dir, { recursive: true });
    throw error;
  }
  const client = <T>(method: string, ...args: unknown[]) => callClient<T>(host.url, method, args);
  const status = (id: string) => client<StatusBody>('getStatus', id);
  const until = (id: string, condition: (status: StatusBody) => boolean) =>
    poll(`status of ${id}`, async () => {
      const current = await status(id);
      return condition(current) ? current : undefined;
    });
  const begin = (orchestrator: string, input?: unknown, instanceId?: string) =>
    client<string>('startNew', orchestrator, { input, instanceId });
  return {
    ...host,
    dir,
    stateFile,
    logs,
    client,
    status,
    until,
    begin,
    finished: (id) => until(id, isFinished),
    run: async (orchestrator, input, instanceId) =>
      until(await begin(orchestrator, input, instanceId), isFinished),
    async dispose() {
      await host.stop(2_000);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The durable fixture app, whose activities note in the file `notes` what they do. */
export async function startNotingFixture(): Promise<{ host: FixtureHost; notes: string }> {
  const host = await startFixture('durable');
  const notes = join(host.dir, 'notes.txt');
  vi.stubEnv('FIXTURE_NOTES', notes);
  return { host, notes };
}
