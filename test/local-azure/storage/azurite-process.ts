/** One Azurite per region: containers, block and append blobs, tables, queues. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 5_000;
/** Azurite closes idle connections after 5 s by default, just when one may be used again. */
const KEEP_ALIVE_SECONDS = '600';
const SERVICES = ['blob', 'queue', 'table'] as const;

export type AzuriteServiceName = (typeof SERVICES)[number];

export interface AzuriteAccount {
  readonly name: string;
  /** Base64. */
  readonly key: string;
}

export interface AzuriteOptions {
  readonly accounts: readonly AzuriteAccount[];
  /** Made if missing; what Azurite keeps lies in it. */
  readonly directory: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface AzuriteProcess {
  readonly ports: Readonly<Record<AzuriteServiceName, number>>;
  stop(): Promise<void>;
}

/** Starts Azurite on free ports of 127.0.0.1 and waits until all three services listen. */
export async function startAzurite(options: AzuriteOptions): Promise<AzuriteProcess> {
  mkdirSync(options.directory, { recursive: true });
  const child = fork(
    createRequire(import.meta.url).resolve('azurite/dist/src/azurite.js'),
    [
      ...SERVICES.flatMap((service) => [
        ...[`--${service}Port`, '0', `--${service}Host`, '127.0.0.1'],
        ...[`--${service}KeepAliveTimeout`, KEEP_ALIVE_SECONDS],
      ]),
      ...['--location', options.directory],
      ...['--cert', options.certificateFile, '--key', options.keyFile],
      ...['--oauth', 'basic'],
      ...['--skipApiVersionCheck', '--disableTelemetry', '--disableProductStyleUrl', '--silent'],
    ],
    {
      cwd: options.directory,
      execArgv: ['--import', new URL('./exit-with-parent.ts', import.meta.url).href],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...process.env,
        NODE_EXTRA_CA_CERTS: options.certificateFile,
        AZURITE_ACCOUNTS: options.accounts.map(({ name, key }) => `${name}:${key}`).join(';'),
      },
    },
  );
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  try {
    return { ports: await readPorts(child), stop: () => stop(child, ended) };
  } catch (error) {
    await stop(child, ended);
    throw error;
  }
}

function readPorts(child: ChildProcess): Promise<Record<AzuriteServiceName, number>> {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(
      () => reject(new Error(`Azurite did not start in ${START_TIMEOUT_MS} ms: ${output}`)),
      START_TIMEOUT_MS,
    );
    const fail = (reason: string) => {
      clearTimeout(timer);
      reject(new Error(`Azurite ${reason}: ${output.slice(-2000)}`));
    };
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`ended with ${code}`));
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-20_000);
      const ports = SERVICES.map((service) =>
        Number(
          new RegExp(`${service} service is successfully listening at \\S+:(\\d+)`, 'i').exec(
            output,
          )?.[1],
        ),
      );
      const [blob = Number.NaN, queue = Number.NaN, table = Number.NaN] = ports;
      if (!ports.some(Number.isNaN)) {
        clearTimeout(timer);
        child.stdout?.off('data', read).resume();
        resolve({ blob, queue, table });
      }
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-20_000);
    });
  });
}

async function stop(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}
