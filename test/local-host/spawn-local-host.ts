import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { FunctionError } from './core/app-functions.ts';
import type { FunctionDescription } from './function-description.ts';

export interface SpawnOptions {
  appDir: string;
  stateFile: string;
  /** Takes the log lines of the host, appended. */
  logFile: string;
  /** 0 or absent: a free port. */
  port?: number;
  functionKey?: string;
  masterKey?: string;
  /** App settings, added to the environment of this process; undefined removes one. */
  env?: Record<string, string | undefined>;
  /** Further arguments of main.ts, for example `['--visibility-timeout-ms', '60000']`. */
  args?: readonly string[];
  /** How long to wait for the ready line, in ms (default 30 s). */
  readyTimeoutMs?: number;
}

/** A local host in a process of its own. It ends with this process, also when that is killed. */
export interface SpawnedHost {
  url: string;
  functionKey: string;
  masterKey: string;
  functions: FunctionDescription[];
  errors: FunctionError[];
  logFile: string;
  pid: number;
  /** Sends the signal (default SIGTERM) and waits for the end; the exit code is null after SIGKILL. */
  kill(signal?: NodeJS.Signals): Promise<number | null>;
  /**
   * Acts as if the worker had been killed: running activities and calls in flight fail; the host goes on. The third
   * time it ends, with code 1: see createCrashLimit.
   */
  failWorker(): void;
  /** Resolves with the exit code once the process has ended by itself or was killed. */
  exited: Promise<number | null>;
}

/** The host ended, or said that it cannot start. */
export class HostStartError extends Error {
  readonly errors: string[];
  constructor(errors: string[], logFile: string) {
    super(`the local host did not start: ${errors.join('; ')} (log: ${logFile})`);
    this.name = 'HostStartError';
    this.errors = errors;
  }
}

interface ReadyLine {
  ready: boolean;
  url?: string;
  functionKey?: string;
  masterKey?: string;
  functions?: FunctionDescription[];
  errors?: (FunctionError | string)[];
}

function startProcess(options: SpawnOptions): ChildProcess {
  const args = [
    join(import.meta.dirname, 'main.ts'),
    ...['--app', options.appDir, '--state', options.stateFile],
    ...['--port', String(options.port ?? 0)],
    ...(options.functionKey === undefined ? [] : ['--function-key', options.functionKey]),
    ...(options.masterKey === undefined ? [] : ['--master-key', options.masterKey]),
    '--exit-with-stdin',
    ...(options.args ?? []),
  ];
  const log = openSync(options.logFile, 'a');
  try {
    return spawn(process.execPath, args, {
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', log],
    });
  } finally {
    closeSync(log);
  }
}

async function readReadyLine(child: ChildProcess): Promise<ReadyLine | undefined> {
  if (!child.stdout) {
    return undefined;
  }
  for await (const line of createInterface({ input: child.stdout })) {
    try {
      return JSON.parse(line) as ReadyLine;
    } catch {
      // Something that the app printed by itself; the ready line is JSON.
    }
  }
  return undefined;
}

/**
 * Starts `main.ts` in a process of its own and waits for its ready line. Throws `HostStartError` with the errors
 * that the host names, or when it says nothing in time; no process is left then.
 */
export async function spawnLocalHost(options: SpawnOptions): Promise<SpawnedHost> {
  const child = startProcess(options);
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const timeoutMs = options.readyTimeoutMs ?? 30_000;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), timeoutMs);
  });
  const line = await Promise.race([readReadyLine(child), late]);
  clearTimeout(timer);
  if (line === 'late' || !line?.ready) {
    child.kill('SIGKILL');
    await exited;
    const tail = readFileSync(options.logFile, 'utf8').slice(-2_000);
    const errors =
      line === 'late'
        ? [`no ready line within ${timeoutMs} ms`]
        : (line?.errors?.map(String) ?? [`it ended without a ready line; log: ${tail}`]);
    throw new HostStartError(errors, options.logFile);
  }
  // What the app prints later must not fill the pipe.
  child.stdout?.resume();
  return {
    url: line.url ?? '',
    functionKey: line.functionKey ?? '',
    masterKey: line.masterKey ?? '',
    functions: line.functions ?? [],
    errors: (line.errors ?? []) as FunctionError[],
    logFile: options.logFile,
    pid: child.pid ?? 0,
    exited,
    failWorker() {
      child.kill('SIGUSR2');
    },
    kill(signal = 'SIGTERM') {
      child.kill(signal);
      return exited;
    },
  };
}
