import { open, stat } from 'node:fs/promises';
import type { ByteRange, PageImage, PageStore } from '../contracts.ts';

const WINDOW_BYTES = 1024 * 1024;
const GRAIN_BYTES = 4096;
const ZEROS = Buffer.alloc(WINDOW_BYTES);

/** Whether every byte is zero. At most 1 MiB at a time. */
function isZero(data: Buffer): boolean {
  return data.equals(ZEROS.subarray(0, data.length));
}

/**
 * Writes a raw image file into `store`, which must be at least as large; holes and zeros are left
 * out in grains of 4 KiB, so that a sparse file makes a sparse disk. Returns the bytes written.
 */
export async function loadImage(file: string, store: PageStore): Promise<number> {
  const { size } = await stat(file);
  if (size > store.sizeBytes) {
    throw new RangeError(`${file} has ${size} bytes, the disk only ${store.sizeBytes}`);
  }
  const handle = await open(file, 'r');
  let writtenBytes = 0;
  try {
    const window = Buffer.alloc(WINDOW_BYTES);
    for (let offset = 0; offset < size; offset += WINDOW_BYTES) {
      const lengthBytes = Math.min(WINDOW_BYTES, size - offset);
      await readFully(handle, window, lengthBytes, offset);
      writtenBytes += storeNonZero(store, offset, window.subarray(0, lengthBytes));
    }
  } finally {
    await handle.close();
  }
  return writtenBytes;
}

async function readFully(
  handle: Awaited<ReturnType<typeof open>>,
  into: Buffer,
  lengthBytes: number,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < lengthBytes) {
    const { bytesRead } = await handle.read(into, done, lengthBytes - done, position + done);
    if (bytesRead === 0) throw new Error(`the file ended at ${position + done}`);
    done += bytesRead;
  }
}

/** Runs of non-zero grains go in as one write each. */
function storeNonZero(store: PageStore, offset: number, data: Buffer): number {
  if (isZero(data)) return 0;
  let writtenBytes = 0;
  let runStart = -1;
  for (let at = 0; at <= data.length; at += GRAIN_BYTES) {
    const zero =
      at >= data.length || isZero(data.subarray(at, Math.min(at + GRAIN_BYTES, data.length)));
    if (!zero && runStart < 0) runStart = at;
    if (zero && runStart >= 0) {
      const run = data.subarray(runStart, Math.min(at, data.length));
      store.write(offset + runStart, run);
      writtenBytes += run.length;
      runStart = -1;
    }
  }
  return writtenBytes;
}

/** Writes `image` as a sparse raw file. */
export async function exportImage(
  image: Pick<PageImage, 'sizeBytes' | 'read'> & { allocatedRanges(): ByteRange[] },
  file: string,
): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await handle.truncate(image.sizeBytes);
    for (const range of image.allocatedRanges()) {
      for (let offset = range.start; offset < range.end; offset += WINDOW_BYTES) {
        const data = image.read(offset, Math.min(WINDOW_BYTES, range.end - offset));
        if (!isZero(data)) await handle.write(data, 0, data.length, offset);
      }
    }
  } finally {
    await handle.close();
  }
}
