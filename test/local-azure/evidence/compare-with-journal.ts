import type { Journal } from '../guest/journal.ts';
import { replayDisk } from '../guest/oracle-image.ts';
import { PAGE_BYTES, type ReadableImage, readWindows } from './readable-image.ts';

export interface PageComparison {
  readonly pagesCompared: number;
  readonly pagesDifferent: number;
  /** At most 10, by the journal's number of the disk. */
  readonly firstDifferences: readonly { readonly disk: number; readonly offset: number }[];
  /** Disks whose size is not the one that they had; every page beyond the smaller size differs. */
  readonly sizesDifferent: number;
}

/**
 * Compares every 4 KiB page of every image, zeros too, with the journal replayed to `order`. The
 * images are given by the journal's number of the disk.
 */
export async function compareWithJournal(
  journal: Journal,
  images: ReadonlyMap<number, ReadableImage>,
  order: number,
): Promise<PageComparison> {
  const firstDifferences: { disk: number; offset: number }[] = [];
  let pagesCompared = 0;
  let pagesDifferent = 0;
  let sizesDifferent = 0;

  function different(disk: number, offset: number): void {
    pagesDifferent += 1;
    if (firstDifferences.length < 10) firstDifferences.push({ disk, offset });
  }

  for (const [disk, image] of images) {
    const oracle = replayDisk(journal, disk, order);
    const commonBytes = Math.min(oracle.sizeBytes, image.sizeBytes);
    const allBytes = Math.max(oracle.sizeBytes, image.sizeBytes);
    if (commonBytes !== allBytes) sizesDifferent += 1;
    for await (const { offset, data } of readWindows(image, commonBytes)) {
      const expected = oracle.read(offset, data.length);
      pagesCompared += Math.ceil(data.length / PAGE_BYTES);
      if (expected.equals(data)) continue;
      for (let at = 0; at < data.length; at += PAGE_BYTES) {
        const end = Math.min(at + PAGE_BYTES, data.length);
        if (!expected.subarray(at, end).equals(data.subarray(at, end)))
          different(disk, offset + at);
      }
    }
    for (let offset = commonBytes; offset < allBytes; offset += PAGE_BYTES) {
      pagesCompared += 1;
      different(disk, offset);
    }
  }
  return { pagesCompared, pagesDifferent, firstDifferences, sizesDifferent };
}
