import type { ByteRange } from '../contracts.ts';
import { requireFileSystemTool } from './run-file-system-tool.ts';

/** The block size of every image that this folder makes. */
export const BLOCK_BYTES = 4096;

/**
 * Where a file of an ext4 image lies on the disk: byte ranges in file order. Holes and preallocated
 * (never written) extents are refused: raw writes there would not show in the file.
 */
export async function listFileExtents(imageFile: string, filePath: string): Promise<ByteRange[]> {
  const output = await requireFileSystemTool('debugfs', [
    '-R',
    `dump_extents -l ${quotePath(filePath)}`,
    imageFile,
  ]);
  const extents: ByteRange[] = [];
  let nextLogical = 0;
  for (const line of output.split('\n')) {
    // Level Entries Logical Physical Length Flags, as in ` 0/ 0   1/  1     0 -  1023  2066 -  3089   1024 `.
    const match =
      /^\s*\d+\/\s*\d+\s+\d+\/\s*\d+\s+(\d+)\s*-\s*\d+\s+(\d+)\s*-\s*\d+\s+(\d+)\s*(\S*)/.exec(
        line,
      );
    if (match === null) continue;
    const [logical, physical, length] = [match[1], match[2], match[3]].map(Number);
    if (logical === undefined || physical === undefined || length === undefined) continue;
    if (logical !== nextLogical || match[4] === 'Uninit') {
      throw new Error(`${filePath} in ${imageFile} has holes or unwritten extents: ${line.trim()}`);
    }
    nextLogical = logical + length;
    extents.push({ start: physical * BLOCK_BYTES, end: (physical + length) * BLOCK_BYTES });
  }
  if (extents.length === 0) {
    throw new Error(`${filePath} is not a file with extents in ${imageFile}: ${output.trim()}`);
  }
  return extents;
}

/** A path as debugfs reads it: quoted, so that spaces stay inside. */
export function quotePath(filePath: string): string {
  if (/["\n\\]/.test(filePath) || !filePath.startsWith('/')) {
    throw new RangeError(`${JSON.stringify(filePath)} is no absolute path that debugfs can take`);
  }
  return `"${filePath}"`;
}
