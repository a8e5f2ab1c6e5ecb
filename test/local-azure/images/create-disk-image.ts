import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, open, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ByteRange } from '../contracts.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { BLOCK_BYTES, listFileExtents } from './file-extents.ts';
import { IMAGE_EPOCH_SECONDS, requireFileSystemTool } from './run-file-system-tool.ts';
import { type ImageFile, writeSeededFiles } from './seeded-files.ts';

const MIB = 1024 * 1024;

/** The file whose blocks belong to the writers. */
export const WRITER_AREA_PATH = '/lockstep-writer-area.bin';

export interface DiskImageOptions {
  /** Where the image is written; its directory must exist. */
  readonly file: string;
  /** At least 16. */
  readonly sizeMiB: number;
  readonly seed: string | number;
  /** Volume label, at most 16 bytes. */
  readonly label: string;
  /** Size of the writer area; 0 makes none. Default 4. */
  readonly areaMiB?: number;
  /** How many seeded files, and how much they hold together. Default 24 files, 4 MiB. */
  readonly files?: { readonly count: number; readonly totalMiB: number };
  /** Further text files: absolute path -> content. */
  readonly extraFiles?: Readonly<Record<string, string>>;
}

export interface DiskImage {
  readonly file: string;
  readonly sizeBytes: number;
  /** Every file but the writer area, whose content changes under the writers. */
  readonly files: readonly ImageFile[];
  /** The blocks of the writer area: raw 4 KiB writes there leave the file system as it is. */
  readonly area: readonly ByteRange[];
}

/**
 * Makes a sparse ext4 image with seeded files, without root (`mke2fs -d`). Label, UUID, hash seed,
 * paths and contents repeat with the seed; inode change times do not. The file system is clean: its
 * journal is empty and every table is initialised.
 */
export async function createDiskImage(options: DiskImageOptions): Promise<DiskImage> {
  const { file, sizeMiB, label } = options;
  const areaMiB = options.areaMiB ?? 4;
  const plan = options.files ?? { count: 24, totalMiB: 4 };
  if (!Number.isInteger(sizeMiB) || sizeMiB < 16) {
    throw new RangeError(`sizeMiB must be a whole number from 16 on, got ${sizeMiB}`);
  }
  const random = createSeededRandom(`${options.seed}/${label}`);
  const tree = await mkdtemp(path.join(tmpdir(), 'lockstep-image-'));
  try {
    const files = await writeSeededFiles(tree, {
      count: plan.count,
      totalBytes: plan.totalMiB * MIB,
      random: random.fork('files'),
    });
    for (const [filePath, content] of Object.entries(options.extraFiles ?? {})) {
      files.push(await writeExtraFile(tree, filePath, content));
    }
    if (areaMiB > 0) await writeArea(path.join(tree, WRITER_AREA_PATH), areaMiB * MIB);
    await writeFile(file, '');
    await truncate(file, sizeMiB * MIB);
    await requireFileSystemTool('mke2fs', [
      ...['-q', '-F', '-t', 'ext4', '-b', String(BLOCK_BYTES), '-m', '0', '-L', label],
      ...['-d', tree, '-U', random.fork('volume').uuid()],
      '-E',
      [
        `hash_seed=${random.fork('hash').uuid()}`,
        'lazy_itable_init=0',
        'lazy_journal_init=0',
        'root_owner=0:0',
      ].join(','),
      file,
    ]);
    const area = areaMiB > 0 ? await listFileExtents(file, WRITER_AREA_PATH) : [];
    return { file, sizeBytes: sizeMiB * MIB, files, area };
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

async function writeExtraFile(tree: string, filePath: string, content: string): Promise<ImageFile> {
  const absolute = path.join(tree, filePath);
  if (!absolute.startsWith(tree + path.sep)) {
    throw new RangeError(`${filePath} leads out of the image`);
  }
  await mkdir(path.dirname(absolute), { recursive: true });
  await writeFile(absolute, content);
  await utimes(absolute, IMAGE_EPOCH_SECONDS, IMAGE_EPOCH_SECONDS);
  return {
    path: path.posix.join('/', filePath),
    sizeBytes: Buffer.byteLength(content),
    sha256: createHash('sha256').update(content).digest('hex'),
  };
}

/** Not zeros: mke2fs would leave holes, and the area would have no blocks. */
async function writeArea(file: string, sizeBytes: number): Promise<void> {
  const handle = await open(file, 'w');
  try {
    const block = Buffer.alloc(MIB, 'LOCKSTEP WRITER AREA, NEVER WRITTEN. ');
    for (let offset = 0; offset < sizeBytes; offset += block.length) {
      await handle.write(block, 0, Math.min(block.length, sizeBytes - offset), offset);
    }
    await handle.utimes(IMAGE_EPOCH_SECONDS, IMAGE_EPOCH_SECONDS);
  } finally {
    await handle.close();
  }
}
