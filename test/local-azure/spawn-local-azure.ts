import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type ControlClient, createControlClient } from './control/control-client.ts';
import type { LocalAzureInfo } from './local-azure.ts';
import type { LocalAzureConfig } from './local-azure-config.ts';

export interface SpawnedLocalAzure {
  readonly info: LocalAzureInfo;
  readonly control: ControlClient;
  readonly processId: number;
  /** What the program wrote to standard error so far. */
  errorOutput(): string;
  /** SIGTERM, then SIGKILL after 10 seconds; settles when the process is gone. */
  stop(): Promise<void>;
}

const startTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;

function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
  });
}

/** Runs the local Azure as a program of its own, under the same Node, and waits until it is ready. */
export async function spawnLocalAzure(config: LocalAzureConfig = {}): Promise<SpawnedLocalAzure> {
  const scratch = mkdtempSync(join(tmpdir(), 'local-azure-config-'));
  const configFile = join(scratch, 'config.json');
  writeFileSync(configFile, JSON.stringify(config));
  const program = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(process.execPath, [program, '--config', configFile], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', LOCAL_AZURE_STOP_WITH_STDIN: '1' },
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-200_000);
  });
  child.stdin.on('error', () => undefined);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    await exited(child);
    clearTimeout(timer);
  };
  try {
    const info = await new Promise<LocalAzureInfo>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`the local Azure was not ready in ${startTimeoutMs} ms: ${errors}`)),
        startTimeoutMs,
      );
      createInterface({ input: child.stdout }).once('line', (line) => {
        clearTimeout(timer);
        resolve(JSON.parse(line) as LocalAzureInfo);
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        reject(new Error(`the local Azure ended (${code ?? signal}): ${errors}`));
      });
    });
    return {
      info,
      control: createControlClient(info.control),
      processId: child.pid ?? 0,
      errorOutput: () => errors,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    // The program has read it by now; nothing is left behind even if this process is killed later.
    rmSync(scratch, { recursive: true, force: true });
  }
}
