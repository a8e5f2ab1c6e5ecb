import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { guestLauncher } from '../../../lib/azure/guest-launcher.ts';

const runWith = (script: string, env: Readonly<Record<string, string>> = {}) =>
  spawnSync('/bin/sh', ['-c', script], { timeout: 10_000, env: { PATH: '/usr/bin:/bin', ...env } });

const hasPython = ((): boolean => {
  try {
    execFileSync('/bin/sh', ['-c', 'command -v python3'], { timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
})();

describe('guestLauncher', () => {
  it.runIf(hasPython)('runs the helper as main, with its own source and the environment', () => {
    const source = [
      'import os, sys',
      'assert __name__ == "__main__"',
      'print(HELPER_SOURCE.decode().count("\\n"), os.environ["LOCKSTEP_SESSION"], "$HOME `x`")',
      'sys.exit(7)',
    ].join('\n');
    const { status, stdout } = runWith(guestLauncher(source), { LOCKSTEP_SESSION: 's-1' });
    expect(stdout.toString()).toBe('4 s-1 $HOME `x`\n');
    expect(status).toBe(7);
  });

  it('ends with 127 and a sentence where there is no Python', () => {
    const script = guestLauncher('print(1)').replaceAll(/\/[a-z0-9/-]*python[0-9.]*/g, '/none');
    const { status, stderr } = runWith(script, { PATH: '/none' });
    expect(status).toBe(127);
    expect(stderr.toString()).toContain('needs Python 3.6 or newer');
  });

  it('refuses a source that would end its own here-document', () => {
    for (const source of ['a\nLOCKSTEP_HELPER\nb', 'a\r\nb']) {
      expect(() => guestLauncher(source)).toThrow('here-document');
    }
  });
});
