import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { quotePath } from './file-extents.ts';
import { requireFileSystemTool, runFileSystemTool } from './run-file-system-tool.ts';
import type { ImageFile } from './seeded-files.ts';

/** `e2fsck -fn`: a whole check that changes nothing. Clean means exit code 0. */
export async function checkFileSystem(
  file: string,
): Promise<{ readonly clean: boolean; readonly output: string }> {
  const { exitCode, output } = await runFileSystemTool('e2fsck', ['-f', '-n', file]);
  return { clean: exitCode === 0, output };
}

/** The content of one file of an ext4 image; an error if the path is not there. */
export async function readFileFrom(imageFile: string, filePath: string): Promise<Buffer> {
  const directory = await mkdtemp(path.join(tmpdir(), 'lockstep-dump-'));
  try {
    const target = path.join(directory, 'content');
    // debugfs ends with 0 even when the path is missing: the absence of the output file tells.
    const output = await requireFileSystemTool('debugfs', [
      '-R',
      `dump ${quotePath(filePath)} ${quotePath(target)}`,
      imageFile,
    ]);
    return await readFile(target).catch((cause: unknown) => {
      throw new Error(`${filePath} cannot be read from ${imageFile}: ${output.trim()}`, { cause });
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export interface FileComparison {
  readonly filesCompared: number;
  readonly filesDifferent: number;
  /** At most 10. */
  readonly firstDifferences: readonly { readonly path: string; readonly problem: string }[];
}

/** Reads every listed file back through the file system and compares its SHA-256. */
export async function compareFiles(
  imageFile: string,
  files: readonly Pick<ImageFile, 'path' | 'sha256'>[],
): Promise<FileComparison> {
  const directory = await mkdtemp(path.join(tmpdir(), 'lockstep-dump-'));
  const differences: { path: string; problem: string }[] = [];
  try {
    // One process for all. What it could not dump is missing below, and reported file by file.
    if (files.length > 0)
      await runFileSystemTool('debugfs', ['-R', `rdump "/" ${quotePath(directory)}`, imageFile]);
    for (const expected of files) {
      const problem = await problemOf(directory, expected);
      if (problem !== undefined) differences.push({ path: expected.path, problem });
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return {
    filesCompared: files.length,
    filesDifferent: differences.length,
    firstDifferences: differences.slice(0, 10),
  };
}

async function problemOf(
  directory: string,
  expected: Pick<ImageFile, 'path' | 'sha256'>,
): Promise<string | undefined> {
  try {
    const content = await readFile(path.join(directory, expected.path));
    const sha256 = createHash('sha256').update(content).digest('hex');
    return sha256 === expected.sha256 ? undefined : `SHA-256 is ${sha256}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
