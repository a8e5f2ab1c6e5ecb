/**
 * The packaged app under Azure Functions Core Tools (`func start`), for machines that have them.
 * Where this project is built there are none, so this way of starting has never been run: it follows
 * "Develop Azure Functions locally using Core Tools" and "Azurite" (Azure's documentation).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { unpackPackage } from '../../scripts/unpack.ts';
import { delay, until } from '../world/lockstep-api.ts';

export interface FuncHost {
  readonly url: string;
  /** Locally Core Tools ask for no key, and take any. */
  readonly functionKey: string;
  /** Settles with the exit code when the host has ended by itself or was stopped. */
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}

const READY_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 10_000;
/** The account that Azurite has without being told ("Use the Azurite emulator"). */
const AZURITE_ACCOUNT = 'devstoreaccount1';

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
};

/**
 * `directory` must exist; the app and its state go there. Core Tools bring a trust store of their own
 * (azure-functions-core-tools#3514), so the host's own storage is a plain Azurite over http; the app
 * itself runs in Node and trusts the local Azure by `NODE_EXTRA_CA_CERTS`.
 */
export async function startFuncHost(options: {
  readonly program: string;
  readonly directory: string;
  readonly settings: Readonly<Record<string, string>>;
}): Promise<FuncHost> {
  const { program, directory, settings } = options;
  const children: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) await end(child);
  };
  try {
    const storage = await startHostStorage(join(directory, 'storage'), children);
    const appDirectory = unpackPackage(join(directory, 'app'));
    const values = {
      ...settings,
      FUNCTIONS_WORKER_RUNTIME: 'node',
      AzureWebJobsStorage: storage,
    };
    writeFileSync(
      join(appDirectory, 'local.settings.json'),
      JSON.stringify({ IsEncrypted: false, Values: values }, undefined, 2),
      { mode: 0o600 },
    );
    const port = await freePort();
    const host = spawn(program, ['start', '--port', String(port)], {
      cwd: appDirectory,
      // `func` takes what is in the environment over what is in the file.
      env: { ...process.env, ...values },
      stdio: ['ignore', 'inherit', 'inherit'],
      shell: process.platform === 'win32',
    });
    children.push(host);
    const ended = once(host, 'exit').then(([code]) => code as number | null);
    const url = `http://127.0.0.1:${port}`;
    await Promise.race([
      untilAnswering(url),
      ended.then((code) => {
        throw new Error(`func ended with ${code} before it answered`);
      }),
    ]);
    return { url, functionKey: 'any', ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startHostStorage(directory: string, children: ChildProcess[]): Promise<string> {
  mkdirSync(directory);
  const ports = { blob: await freePort(), queue: await freePort(), table: await freePort() };
  const child = spawn(
    process.execPath,
    [
      createRequire(import.meta.url).resolve('azurite/dist/src/azurite.js'),
      ...Object.entries(ports).flatMap(([service, port]) => [`--${service}Port`, String(port)]),
      ...['--location', directory, '--silent', '--skipApiVersionCheck', '--disableTelemetry'],
    ],
    { stdio: 'ignore' },
  );
  children.push(child);
  await until(
    'the storage of the host answers',
    async () => (await isAnswering(`http://127.0.0.1:${ports.blob}/`)) || undefined,
    60_000,
  );
  const endpoints = Object.entries(ports).map(
    ([service, port]) =>
      `${service[0]?.toUpperCase()}${service.slice(1)}Endpoint=http://127.0.0.1:${port}/${AZURITE_ACCOUNT}`,
  );
  return [
    'DefaultEndpointsProtocol=http',
    `AccountName=${AZURITE_ACCOUNT}`,
    // Published in Azurite's documentation: it is the same in every installation.
    'AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
    ...endpoints,
  ].join(';');
}

const isAnswering = (url: string): Promise<boolean> =>
  fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
    () => true,
    () => false,
  );

const untilAnswering = (url: string): Promise<true> =>
  until(
    'func start',
    async () => {
      const response = await fetch(`${url}/api/vms`, { signal: AbortSignal.timeout(20_000) }).catch(
        () => undefined,
      );
      return response?.ok === true ? true : undefined;
    },
    READY_TIMEOUT_MS,
    1_000,
  );

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const inTime = await Promise.race([exited.then(() => true), delay(STOP_TIMEOUT_MS)]);
  if (inTime === true) return;
  child.kill('SIGKILL');
  await exited;
}
