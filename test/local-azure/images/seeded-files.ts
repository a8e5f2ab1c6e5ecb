import { createHash } from 'node:crypto';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { SeededRandom } from '../seeded-random.ts';
import { IMAGE_EPOCH_SECONDS } from './run-file-system-tool.ts';

/** A file inside an image; `path` is absolute in that file system. */
export interface ImageFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

const WORDS = ['invoice', 'ledger', 'order', 'stock', 'customer', 'audit', 'batch', 'report'];

/**
 * Writes `count` files of about `totalBytes` in all below `root`, in nested directories: every third
 * one is text. The same random stream gives the same tree. One file is empty, as in real trees.
 */
export async function writeSeededFiles(
  root: string,
  options: {
    readonly count: number;
    readonly totalBytes: number;
    readonly random: SeededRandom;
  },
): Promise<ImageFile[]> {
  const { count, totalBytes, random } = options;
  const weights = Array.from({ length: count }, () => 0.2 + random.next());
  const weightSum = weights.reduce((sum, weight) => sum + weight, 0);
  const files: ImageFile[] = [];
  const directories = new Set<string>();
  for (const [index, weight] of weights.entries()) {
    const sizeBytes = index === 1 ? 0 : Math.floor((totalBytes * weight) / weightSum);
    const isText = index % 3 === 0;
    const content = isText ? seededText(sizeBytes, random) : random.bytes(sizeBytes);
    const directory = `${random.pick(WORDS)}/${random.integer(2024, 2026)}`;
    const name = `${random.pick(WORDS)}-${String(index).padStart(4, '0')}.${isText ? 'txt' : 'bin'}`;
    const absolute = path.join(root, directory, name);
    await mkdir(path.dirname(absolute), { recursive: true });
    await writeFile(absolute, content);
    await utimes(absolute, IMAGE_EPOCH_SECONDS, IMAGE_EPOCH_SECONDS);
    directories.add(path.dirname(absolute)).add(path.dirname(path.dirname(absolute)));
    files.push({
      path: `/${directory}/${name}`,
      sizeBytes,
      sha256: createHash('sha256').update(content).digest('hex'),
    });
  }
  for (const directory of directories) {
    await utimes(directory, IMAGE_EPOCH_SECONDS, IMAGE_EPOCH_SECONDS);
  }
  return files;
}

function seededText(sizeBytes: number, random: SeededRandom): Buffer {
  const content = Buffer.alloc(sizeBytes, '\n');
  let at = 0;
  while (at < sizeBytes) {
    const line = `${random.pick(WORDS)} ${random.integer(1, 99_999)} ${random.pick(WORDS)}\n`;
    at += content.write(line, at, 'latin1');
  }
  return content;
}
