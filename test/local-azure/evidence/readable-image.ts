import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ByteRange } from '../contracts.ts';

/** What evidence needs of a disk's content: of a snapshot, a page blob or the replayed journal. */
export interface ReadableImage {
  readonly sizeBytes: number;
  read(offset: number, lengthBytes: number): Buffer;
  /** Ascending and disjoint; everything outside reads as zeros. */
  allocatedRanges(): ByteRange[];
}

export const PAGE_BYTES = 4096;
/** Evidence reads in such windows and lets other work of the process in between. */
export const WINDOW_BYTES = 1024 * 1024;

/** The image without its last `footerBytes`: a VHD's footer is not the disk's content. */
export function withoutFooter(image: ReadableImage, footerBytes: number): ReadableImage {
  const sizeBytes = image.sizeBytes - footerBytes;
  return {
    sizeBytes,
    read: (offset, lengthBytes) => image.read(offset, lengthBytes),
    allocatedRanges: () =>
      image
        .allocatedRanges()
        .map(({ start, end }) => ({ start, end: Math.min(end, sizeBytes) }))
        .filter(({ start, end }) => start < end),
  };
}

export function allocatedBytes(image: ReadableImage): number {
  return image.allocatedRanges().reduce((sum, range) => sum + range.end - range.start, 0);
}

/** Reads every window of the whole image, zeros too. */
export async function* readWindows(
  image: ReadableImage,
  sizeBytes: number = image.sizeBytes,
): AsyncGenerator<{ readonly offset: number; readonly data: Buffer }> {
  for (let offset = 0; offset < sizeBytes; offset += WINDOW_BYTES) {
    yield { offset, data: image.read(offset, Math.min(WINDOW_BYTES, sizeBytes - offset)) };
    await nextTurn();
  }
}
