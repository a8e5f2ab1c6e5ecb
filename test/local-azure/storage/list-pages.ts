/** Get Page Ranges and its difference with an earlier snapshot. */
import type { ByteRange, ChangedRange, PageImage } from '../contracts.ts';
import { identityHeaders } from './blob-properties.ts';
import type { Exchange } from './exchange.ts';
import { header, sendXml } from './exchange.ts';
import type { BlobState, BlobView } from './page-blob.ts';
import { pageListWindow } from './range-headers.ts';
import { storageErrors } from './storage-error.ts';

const MAX_RESULTS = 10_000;
/** Paging came with this version ("Get Page Ranges"). */
const PAGING_VERSION = '2020-10-02';

export interface PageListSource {
  readonly sizeBytes: number;
  readonly state: BlobState;
  /** Ascending, inside `window`. */
  list(window: ByteRange): readonly ChangedRange[];
}

/** Answers with the ranges of `source` in the window of the request, a page of at most 10,000. */
export function sendPageList(exchange: Exchange, source: PageListSource): void {
  const asked = pageListWindow(exchange, source.sizeBytes);
  const marker = exchange.query.get('marker') ?? '';
  const start = marker === '' ? asked.start : readMarker(marker, asked);
  const limit = exchange.version < PAGING_VERSION ? Number.POSITIVE_INFINITY : readLimit(exchange);
  const ranges = source.list({ start, end: asked.end });
  const page = ranges.length > limit ? ranges.slice(0, limit) : ranges;
  const next = ranges.length > limit ? ranges[limit] : undefined;
  const body = page
    .map((range) => {
      const name = range.kind === 'write' ? 'PageRange' : 'ClearRange';
      return `<${name}><Start>${range.start}</Start><End>${range.end - 1}</End></${name}>`;
    })
    .join('');
  const nextMarker =
    next === undefined ? '' : `<NextMarker>${writeMarker(next.start)}</NextMarker>`;
  sendXml(exchange, 200, `<PageList>${body}${nextMarker}</PageList>`, {
    ...identityHeaders(source.state),
    'x-ms-blob-content-length': source.sizeBytes,
  });
}

function readLimit(exchange: Exchange): number {
  const text = exchange.query.get('maxresults');
  if (text === null || text === '') {
    return MAX_RESULTS;
  }
  const count = Number(text);
  if (!Number.isInteger(count)) {
    throw storageErrors.invalidQueryParameter('maxresults', text, 'Must be an integer.');
  }
  if (count <= 0) {
    throw storageErrors.outOfRangeQueryParameter('maxresults', text, '1', String(MAX_RESULTS));
  }
  return Math.min(count, MAX_RESULTS);
}

function writeMarker(start: number): string {
  return Buffer.from(`page:${start}`).toString('base64');
}

function readMarker(marker: string, window: ByteRange): number {
  const start = Number(/^page:(\d+)$/.exec(Buffer.from(marker, 'base64').toString())?.[1] ?? NaN);
  if (!(start >= window.start && start <= window.end)) {
    throw storageErrors.invalidQueryParameter('marker', marker, 'Not a marker of this list.');
  }
  return start;
}

/** `GET ?comp=pagelist` of a page blob in an account. */
export function listPages(exchange: Exchange, view: BlobView): void {
  if (header(exchange, 'x-ms-previous-snapshot-url') !== undefined) {
    throw storageErrors.headerForManagedDisksOnly();
  }
  const previousTime = exchange.query.get('prevsnapshot');
  const { content, state } = view;
  if (previousTime === null) {
    sendPageList(exchange, {
      sizeBytes: content.sizeBytes,
      state,
      list: (window) => writesOf(content, window),
    });
    return;
  }
  const current = view.snapshot?.image ?? view.blob.content.snapshot();
  const previous = findPrevious(view, previousTime);
  sendPageList(exchange, {
    sizeBytes: current.sizeBytes,
    state,
    list: (window) => current.changedSince(previous, window),
  });
}

/** Allocated ranges as a page list has them. */
export function writesOf(
  content: Pick<PageImage, 'allocatedRanges'>,
  window: ByteRange,
): ChangedRange[] {
  return content
    .allocatedRanges(window)
    .map(({ start, end }): ChangedRange => ({ start, end, kind: 'write' }));
}

function findPrevious(view: BlobView, previousTime: string): PageImage {
  const { blob, snapshot } = view;
  if (!/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/.test(previousTime)) {
    throw storageErrors.invalidQueryParameter('prevsnapshot', previousTime, 'Not a snapshot time.');
  }
  const previous = blob.snapshots.get(previousTime);
  if (previous === undefined) {
    throw storageErrors.previousSnapshotNotFound();
  }
  if (snapshot !== undefined && previousTime > snapshot.time) {
    throw storageErrors.previousSnapshotCannotBeNewer();
  }
  if (previous.generation !== (snapshot?.generation ?? blob.generation)) {
    throw storageErrors.blobOverwritten();
  }
  return previous.image;
}
