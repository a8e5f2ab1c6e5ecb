/** What changed between two exported snapshots, their VHD footers included. */
import type { ByteRange, ChangedRange, PageImage } from '../contracts.ts';
import { VHD_FOOTER_BYTES } from './vhd-footer.ts';

/**
 * `current` and `previous` are without footer, `window` is in the exported image. A footer differs
 * only with the size: then the old one's sector was cleared or overwritten and a new one written.
 */
export function exportedDifferences(
  current: PageImage,
  previous: PageImage,
  window: ByteRange,
): ChangedRange[] {
  const data = current.changedSince(previous, window);
  if (current.sizeBytes === previous.sizeBytes) {
    return data;
  }
  const footers: ChangedRange[] = [{ ...footerRange(current.sizeBytes), kind: 'write' }];
  const old = footerRange(previous.sizeBytes);
  const isTold = data.some((range) => range.start < old.end && range.end > old.start);
  if (previous.sizeBytes < current.sizeBytes && !isTold) {
    footers.push({ ...old, kind: 'clear' });
  }
  const inWindow = footers.filter(({ start, end }) => start >= window.start && end <= window.end);
  return joinNeighbours([...data, ...inWindow].sort((a, b) => a.start - b.start));
}

function footerRange(dataBytes: number): ByteRange {
  return { start: dataBytes, end: dataBytes + VHD_FOOTER_BYTES };
}

function joinNeighbours(ranges: readonly ChangedRange[]): ChangedRange[] {
  const joined: ChangedRange[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    if (last !== undefined && last.end === range.start && last.kind === range.kind) {
      joined[joined.length - 1] = { ...last, end: range.end };
    } else {
      joined.push(range);
    }
  }
  return joined;
}
