import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../start/find-program.ts';
import { createLockstepApi } from '../world/lockstep-api.ts';

const run = promisify(execFile);
const MAIN = join(import.meta.dirname, '..', 'start', 'main.ts');

let child: ChildProcess;
const lines: string[] = [];

const printed = (name: string): string => {
  const found = lines.find((text) => text.trim().startsWith(`${name} `));
  return found?.trim().slice(name.length).trim() ?? '';
};

/** Pastes the sample call that was printed under the heading. */
async function paste(heading: string): Promise<{ status: number; location: string; body: string }> {
  const at = lines.indexOf(`  # ${heading}`);
  const sample = lines[at + 1]?.trim() ?? '';
  expect(sample).toMatch(/^curl /);
  const { stdout } = await run('sh', ['-c', `${sample} -w '\n%{http_code}'`]);
  const mark = stdout.lastIndexOf('\n');
  const text = stdout.slice(0, mark);
  return {
    status: Number(stdout.slice(mark + 1)),
    location: /^location: (.*?)\r?$/im.exec(text)?.[1] ?? '',
    body: text.includes('\r\n\r\n') ? text.slice(text.indexOf('\r\n\r\n') + 4) : text,
  };
}

const finish = (location: string) =>
  createLockstepApi(printed('URL'), printed('function key')).finishRun(location);

beforeAll(async () => {
  const func = findProgram('func');
  const withoutFunc = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => func === undefined || directory !== dirname(func));
  child = spawn(process.execPath, ['--no-warnings', MAIN], {
    env: { ...process.env, PATH: withoutFunc.join(delimiter) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('no output');
  const output = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    output.on('line', (text) => {
      lines.push(text);
      if (text.startsWith('Running;')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`npm start ended with ${code}`)));
  });
}, 120_000);

afterAll(() => {
  child.kill('SIGKILL');
});

describe('npm start', () => {
  it('prints calls that list the VM and its first point', async () => {
    const vms = await paste('list VMs');
    expect(vms.status).toBe(200);
    expect(JSON.parse(vms.body).vms).toMatchObject([{ vmId: printed('VM'), exists: true }]);
    const points = await paste('list points');
    expect(points.status).toBe(200);
    expect(JSON.parse(points.body).points).toMatchObject([
      { state: 'recorded', label: 'fileSystem' },
    ]);
  });

  it('prints a call that shows the first run', async () => {
    const shown = await paste('show a run');
    expect(shown.status).toBe(200);
    expect(JSON.parse(shown.body)).toMatchObject({ kind: 'protect', state: 'succeeded' });
  });

  it('prints a call that protects the VM', async () => {
    const { status, location } = await paste('protect now');
    expect(status).toBe(202);
    expect(await finish(location)).toMatchObject({ state: 'succeeded' });
  });

  it('prints calls that plan a restore, and restore', async () => {
    const planned = await paste('plan a restore, and do nothing');
    expect(planned.status).toBe(200);
    expect(JSON.parse(planned.body).plan.steps.length).toBeGreaterThan(0);
    const { status, location } = await paste('restore');
    expect(status).toBe(202);
    expect(await finish(location)).toMatchObject({ state: 'succeeded' });
  });

  it('prints a connection string and an ARM endpoint that answer', async () => {
    const account = lines.find((text) => text.includes('AccountName=lockstephome')) ?? '';
    const blobEndpoint = /BlobEndpoint=([^;]+)/.exec(account)?.[1] ?? '';
    for (const url of [blobEndpoint, `${printed('ARM')}/subscriptions?api-version=2022-12-01`]) {
      const { stdout } = await run('curl', [
        ...['-s', '-o', '/dev/null', '-w', '%{http_code}'],
        ...['--cacert', printed('certificate'), url],
      ]);
      // Without a token or signature: the endpoint is there, its certificate fits, and it refuses.
      expect(stdout).toMatch(/^(400|401|403|404)$/);
    }
  });

  it('stops cleanly and leaves no file', async () => {
    const certificate = printed('certificate');
    expect(existsSync(certificate)).toBe(true);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(existsSync(certificate)).toBe(false);
    expect(existsSync(dirname(printed("host's log")))).toBe(false);
  });
});
