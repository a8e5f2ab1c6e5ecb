import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callClient, fixtureDir, poll, readNotes, type StatusBody } from './fixture-host.ts';
import { type SpawnedHost, spawnLocalHost } from './spawn-local-host.ts';

/** The fixture app `durable` in a process of its own, started again and again on one state file. */
export interface FixtureProcess {
  stateFile: string;
  /** Starts the host with further arguments and app settings. */
  start(args?: readonly string[], env?: Record<string, string>): Promise<SpawnedHost>;
  /** What the activities have written. */
  notes(): string[];
  countNotes(text: string): number;
  /** The log of all starts. */
  log(): string;
  /** Polls until the instance has finished. */
  finished(url: string, id: string): Promise<StatusBody>;
  /** Kills the host that runs and removes its folder. */
  dispose(): Promise<void>;
}

/** Starts an instance of `slowSteps`, whose activities write notes. */
export function beginSlowSteps(
  url: string,
  instanceId: string,
  names: string[],
  ms: number,
): Promise<string> {
  return callClient(url, 'startNew', ['slowSteps', { instanceId, input: { names, ms } }]);
}

export function createFixtureProcess(): FixtureProcess {
  const dir = mkdtempSync(join(tmpdir(), 'local-host-'));
  const stateFile = join(dir, 'state.sqlite');
  const logFile = join(dir, 'host.log');
  const notesFile = join(dir, 'notes.txt');
  let host: SpawnedHost | undefined;

  return {
    stateFile,
    async start(args = [], env = {}) {
      host = await spawnLocalHost({
        appDir: fixtureDir('durable'),
        stateFile,
        logFile,
        env: { FIXTURE_NOTES: notesFile, TICK_SCHEDULE: '0 0 1 * *', ...env },
        args,
      });
      return host;
    },
    notes: () => readNotes(notesFile),
    countNotes: (text) => readNotes(notesFile).filter((line) => line === text).length,
    log: () => readFileSync(logFile, 'utf8'),
    finished: (url, id) =>
      poll(`end of ${id}`, async () => {
        const status = await callClient<StatusBody>(url, 'getStatus', [id]);
        return ['Completed', 'Failed'].includes(status.runtimeStatus) ? status : undefined;
      }),
    async dispose() {
      await host?.kill('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
