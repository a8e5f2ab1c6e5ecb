import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkConfig } from './local-azure-config.ts';
import { spawnLocalAzure } from './spawn-local-azure.ts';

function childrenOf(processId: number): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((entry) => {
      try {
        const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === processId;
      } catch {
        return false; // It ended between the two reads.
      }
    })
    .map(Number);
}

describe('starting and stopping', () => {
  it('repeats identities and keys with the seed, and leaves no process or directory behind', async () => {
    const seed = 'twins';
    const [first, twin] = await Promise.all([spawnLocalAzure({ seed }), spawnLocalAzure({ seed })]);
    await first.stop();
    expect(twin.info.subscriptionId).toBe(first.info.subscriptionId);
    expect(twin.info.identities).toEqual(first.info.identities);
    expect(twin.info.accounts.map(({ key }) => key)).toEqual(
      first.info.accounts.map(({ key }) => key),
    );
    const children = childrenOf(twin.processId);
    expect(children.length).toBeGreaterThan(0);
    await twin.stop();
    for (const processId of [twin.processId, ...children]) {
      expect(() => process.kill(processId, 0)).toThrow('ESRCH');
    }
    expect(() => readdirSync(twin.info.directory)).toThrow('ENOENT');
  });

  it('ends with the process that spawned it, even one that was killed', async () => {
    const module = fileURLToPath(new URL('./spawn-local-azure.ts', import.meta.url));
    const script = `const { spawnLocalAzure } = await import(${JSON.stringify(module)});
      const azure = await spawnLocalAzure({ accounts: [] });
      console.log(azure.processId);`;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const processId = await new Promise<number>((resolve) => {
      parent.stdout.setEncoding('utf8').once('data', (text: string) => resolve(Number(text)));
    });
    expect(process.kill(processId, 0)).toBe(true);
    parent.kill('SIGKILL');
    await expect.poll(() => existsSync(`/proc/${processId}`), { timeout: 10_000 }).toBe(false);
  });

  it('refuses a configuration by the name of its field', async () => {
    await expect(spawnLocalAzure({ snapshotLatencyMs: { min: 5, max: 1 } })).rejects.toThrow(
      /snapshotLatencyMs: must be/,
    );
    expect(() => checkConfig({ colour: 'red' })).toThrow(/colour: is unknown/);
    expect(() => checkConfig([])).toThrow(/must be a JSON object/);
    expect(() => checkConfig({ accounts: [{ name: 'UPPER', region: 'westeurope' }] })).toThrow(
      /accounts: UPPER/,
    );
    expect(() => checkConfig({ accounts: [{ name: 'lower', region: 'mars' }] })).toThrow(/mars/);
  });

  it('ends with code 1 when the configuration file is missing', async () => {
    const program = fileURLToPath(new URL('./main.ts', import.meta.url));
    const child = spawn(process.execPath, [program, '--config', '/nowhere.json'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const code = await new Promise((resolve) => {
      child.once('close', resolve);
    });
    expect(code).toBe(1);
    expect(text).toContain('/nowhere.json');
  });
});
