import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createCertificate } from '../front/certificate.ts';
import { startAzurite } from './azurite-process.ts';

const directory = mkdtempSync(join(tmpdir(), 'azurite-process-'));
let parent: ChildProcess | undefined;

afterEach(() => {
  parent?.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) {
      throw new Error('the condition did not come true in 20 s');
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('startAzurite', () => {
  it('ends with its parent, even when that one is killed', async () => {
    const certificate = await createCertificate(directory);
    const options = {
      accounts: [{ name: 'orphan', key: Buffer.alloc(64).toString('base64') }],
      directory: join(directory, 'azurite'),
      certificateFile: certificate.certificateFile,
      keyFile: certificate.keyFile,
    };
    const portsFile = join(directory, 'ports.json');
    const script = join(directory, 'parent.ts');
    const modulePath = new URL('./azurite-process.ts', import.meta.url).href;
    writeFileSync(
      script,
      `import { writeFileSync } from 'node:fs';
import { startAzurite } from ${JSON.stringify(modulePath)};
const azurite = await startAzurite({ ...${JSON.stringify(options)}, onUnexpectedEnd: () => {} });
writeFileSync(${JSON.stringify(portsFile)}, JSON.stringify(azurite.ports));
`,
    );
    parent = spawn(process.execPath, [script], { stdio: 'ignore' });
    await until(() => existsSync(portsFile) && readFileSync(portsFile, 'utf8').endsWith('}'));
    const ports = JSON.parse(readFileSync(portsFile, 'utf8')) as Record<string, number>;
    const all = Object.values(ports);
    expect(all).toHaveLength(3);
    expect(await Promise.all(all.map(listens))).toEqual([true, true, true]);
    parent.kill('SIGKILL');
    await until(async () => !(await Promise.all(all.map(listens))).includes(true));
  }, 45_000);

  it('says what Azurite said when it cannot start', async () => {
    const start = startAzurite({
      accounts: [],
      directory: join(directory, 'bad'),
      certificateFile: join(directory, 'missing.pem'),
      keyFile: join(directory, 'missing.pem'),
      onUnexpectedEnd: () => {
        throw new Error('it never was ready');
      },
    });
    await expect(start).rejects.toThrow(/Azurite ended with 1.*missing\.pem/s);
  }, 45_000);
});
