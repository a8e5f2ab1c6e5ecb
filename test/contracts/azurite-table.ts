import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AzureNamedKeyCredential, TableClient } from '@azure/data-tables';

const ACCOUNT = 'contracts';
const KEY = Buffer.from('a key for tests of the table adapters').toString('base64');

export interface AzuriteTables {
  client(tableName: string): TableClient;
  stop(): Promise<void>;
}

/** Azurite prints no port that it chose itself. */
const findFreePort = async (): Promise<number> => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return address.port;
};

/** Azurite's table service alone, as a child process over plain http on a free port. */
export const startAzuriteTables = async (): Promise<AzuriteTables> => {
  const directory = await mkdtemp(join(tmpdir(), 'azurite-tables-'));
  const port = await findFreePort();
  const origin = `http://127.0.0.1:${port}`;
  const require = createRequire(import.meta.url);
  const program = require.resolve('azurite/dist/src/table/main.js');
  const child = spawn(
    process.execPath,
    [
      program,
      ...['--tableHost', '127.0.0.1', '--tablePort', String(port), '--location', directory],
      ...['--skipApiVersionCheck', '--disableTelemetry'],
    ],
    {
      env: { ...process.env, AZURITE_ACCOUNTS: `${ACCOUNT}:${KEY}` },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const started = new Promise<void>((resolve, reject) => {
    let output = '';
    const limit = setTimeout(() => reject(new Error(`azurite did not start: ${output}`)), 30_000);
    child.once('exit', (code) => {
      clearTimeout(limit);
      reject(new Error(`azurite ended with ${code}: ${output}`));
    });
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (!output.includes('successfully')) return;
      clearTimeout(limit);
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await started;
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    client: (tableName) =>
      new TableClient(
        `${origin}/${ACCOUNT}`,
        tableName,
        new AzureNamedKeyCredential(ACCOUNT, KEY),
        { allowInsecureConnection: true },
      ),
    stop,
  };
};
