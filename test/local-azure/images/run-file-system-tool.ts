import { execFile } from 'node:child_process';
import path from 'node:path';

export interface ToolResult {
  readonly exitCode: number;
  /** Standard output and standard error, in this order. */
  readonly output: string;
}

/** The Debian package of every tool that this folder runs. */
const PACKAGE = 'e2fsprogs';

/** Where the tools live on most distributions; an ordinary user's PATH often lacks them. */
const SYSTEM_PATHS = ['/usr/sbin', '/sbin'];

/** Seconds since 1970 that the tools stamp into what they make, so that images repeat. */
export const IMAGE_EPOCH_SECONDS = 1_700_000_000;

/**
 * Runs a tool of e2fsprogs and waits for its end. A tool that is not installed is an error that
 * names the package; a non-zero exit code is an answer, not an error (e2fsck means something by it).
 */
export function runFileSystemTool(
  tool: 'mke2fs' | 'debugfs' | 'e2fsck',
  args: readonly string[],
): Promise<ToolResult> {
  const searchPath = [process.env['PATH'] ?? '', ...SYSTEM_PATHS].join(path.delimiter);
  const env = {
    ...process.env,
    PATH: searchPath,
    LC_ALL: 'C',
    // Without it debugfs starts a pager for long answers.
    DEBUGFS_PAGER: '__none__',
    // Read by libext2fs; SOURCE_DATE_EPOCH by 1.47.1 and later.
    E2FSPROGS_FAKE_TIME: String(IMAGE_EPOCH_SECONDS),
    SOURCE_DATE_EPOCH: String(IMAGE_EPOCH_SECONDS),
  };
  return new Promise((resolve, reject) => {
    execFile(
      tool,
      args,
      { env, maxBuffer: 64 * 1024 * 1024, timeout: 120_000 },
      (error, stdout, stderr) => {
        const output = stdout + stderr;
        if (error === null) {
          resolve({ exitCode: 0, output });
        } else if (error.code === 'ENOENT') {
          reject(
            new Error(
              `${tool} is not installed: install the package ${PACKAGE} (apt-get install ${PACKAGE})`,
            ),
          );
        } else if (typeof error.code === 'number') {
          resolve({ exitCode: error.code, output });
        } else {
          reject(
            new Error(`${tool} ${args.join(' ')} was ended by ${error.signal ?? error.message}`),
          );
        }
      },
    );
  });
}

/** As `runFileSystemTool`, for tools whose every failure is ours to report. */
export async function requireFileSystemTool(
  tool: 'mke2fs' | 'debugfs' | 'e2fsck',
  args: readonly string[],
): Promise<string> {
  const { exitCode, output } = await runFileSystemTool(tool, args);
  if (exitCode !== 0) {
    throw new Error(`${tool} ${args.join(' ')} ended with ${exitCode}: ${output.trim()}`);
  }
  return output;
}
