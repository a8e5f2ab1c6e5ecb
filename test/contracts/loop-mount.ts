import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LIMIT = { timeout: 15_000, killSignal: 'SIGKILL', stdio: 'pipe' } as const;
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, LIMIT).toString('utf8').trim();

/** Why real file systems cannot be frozen on this machine; undefined when they can. */
export function whyNoLoopMounts(): string | undefined {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'this needs root';
  try {
    run('python3', '-c', 'import sys; sys.exit(sys.version_info < (3, 6))');
    const mount = createLoopMount();
    mount.remove();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
  }
}

/** A small ext4 file system in a file, mounted by a loop device. */
export interface LoopMount {
  readonly mountPoint: string;
  readonly directory: string;
  /** Writes and syncs a file in a child: a write of this process could hang for ever. */
  write(name: string): PendingWrite;
  /** Thaws whatever is frozen, unmounts and removes everything. */
  remove(): void;
}

export interface PendingWrite {
  isDone(): boolean;
  readonly finished: Promise<boolean>;
}

/** `inside` puts the mount point into another mounted file system. */
export function createLoopMount(inside?: LoopMount): LoopMount {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-loop-'));
  const image = join(directory, 'image');
  const mountPoint = join(inside?.mountPoint ?? directory, 'mount');
  const children: ChildProcess[] = [];
  let device = '';
  const remove = (): void => {
    for (const child of children) child.kill('SIGKILL');
    const steps: readonly (readonly [string, ...string[]])[] = [
      ['fsfreeze', '-u', mountPoint],
      ['umount', '-l', mountPoint],
      ...(device === '' ? [] : ([['losetup', '-d', device]] as const)),
    ];
    for (const [command, ...args] of steps) {
      try {
        run(command, ...args);
      } catch {
        // Not frozen, not mounted, not attached: that is how it should be.
      }
    }
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    writeFileSync(image, '');
    truncateSync(image, 24 * 1024 * 1024);
    run('mke2fs', '-q', '-t', 'ext4', image);
    run('mkdir', mountPoint);
    device = run('losetup', '-f', '--show', image);
    run('mount', device, mountPoint);
  } catch (error) {
    remove();
    throw error;
  }
  return {
    mountPoint,
    directory,
    remove,
    write(name) {
      const script = `echo data > '${mountPoint}/${name}' && sync '${mountPoint}/${name}'`;
      const child = spawn('timeout', ['-s', 'KILL', '40', 'sh', '-c', script], { stdio: 'ignore' });
      children.push(child);
      let isDone = false;
      const finished = new Promise<boolean>((resolve) => {
        child.once('exit', (code) => {
          isDone = code === 0;
          resolve(isDone);
        });
      });
      return { isDone: () => isDone, finished };
    },
  };
}
