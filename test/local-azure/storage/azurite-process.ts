/** One Azurite per region: containers, block and append blobs, tables, queues. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 5_000;
const MAX_KEPT_OUTPUT = 8_000;
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
  /** Told when Azurite ends by itself after it was ready, with the end of what it said. */
  onUnexpectedEnd(code: number | null, output: string): void;
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
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-MAX_KEPT_OUTPUT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let isStopping = false;
  const end = () => {
    isStopping = true;
    return stop(child, ended);
  };
  try {
    const ports = await waitForPorts(child, () => output);
    child.once('exit', (code) => {
      if (!isStopping) {
        options.onUnexpectedEnd(code, output);
      }
    });
    return { ports, stop: end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Azurite prints a line with the port of each service once that one listens. */
function waitForPorts(
  child: ChildProcess,
  output: () => string,
): Promise<Record<AzuriteServiceName, number>> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer);
      child.stdout?.off('data', read);
      child.off('error', onError).off('exit', onExit);
      act();
    };
    const fail = (reason: string) =>
      settle(() => reject(new Error(`Azurite ${reason}: ${output()}`)));
    const onError = (error: Error) => fail(error.message);
    const onExit = (code: number | null) => fail(`ended with ${code}`);
    const read = () => {
      const [blob, queue, table] = SERVICES.map((service) => portIn(output(), service));
      if (blob !== undefined && queue !== undefined && table !== undefined) {
        settle(() => resolve({ blob, queue, table }));
      }
    };
    const timer = setTimeout(
      () => fail(`did not start in ${START_TIMEOUT_MS} ms`),
      START_TIMEOUT_MS,
    );
    child.once('error', onError).once('exit', onExit);
    child.stdout?.on('data', read);
  });
}

function portIn(output: string, service: AzuriteServiceName): number | undefined {
  const line = new RegExp(`${service} service is successfully listening at \\S+:(\\d+)`, 'i');
  const port = line.exec(output)?.[1];
  return port === undefined ? undefined : Number(port);
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
