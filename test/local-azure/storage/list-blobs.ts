/** List Blobs over what Azurite holds and our page blobs, in one order with one marker. */
import { copyProgress, httpDate } from './blob-properties.ts';
import type { BlobState, PageBlob, PageBlobSnapshot } from './page-blob.ts';
import { escapeXml, unescapeXml } from './xml.ts';

const MAX_RESULTS = 5_000;

/** A blob or snapshot in a listing; `xml` is its whole `<Blob>` element. */
export interface ListedBlob {
  readonly name: string;
  /** '' for a base blob, which comes after its snapshots. */
  readonly snapshot: string;
  readonly xml: string;
}

export interface ListOptions {
  readonly endpoint: string;
  readonly container: string;
  readonly prefix: string;
  readonly delimiter: string;
  readonly marker: string;
  readonly maxResults: number | undefined;
}

/** The `<Blob>` elements of an answer of Azurite. */
export function readListedBlobs(xml: string): { blobs: ListedBlob[]; nextMarker: string } {
  const blobs = [...xml.matchAll(/<Blob>.*?<\/Blob>/gs)].map(([element]) => ({
    name: unescapeXml(/<Name>(.*?)<\/Name>/s.exec(element)?.[1] ?? ''),
    snapshot: /<Snapshot>(.*?)<\/Snapshot>/.exec(element)?.[1] ?? '',
    xml: element,
  }));
  const nextMarker = unescapeXml(/<NextMarker>(.*?)<\/NextMarker>/s.exec(xml)?.[1] ?? '');
  return { blobs, nextMarker };
}

/** Our page blobs as elements; `include` holds the datasets asked for, in lower case. */
export function listPageBlobs(
  blobs: readonly PageBlob[],
  include: ReadonlySet<string>,
): ListedBlob[] {
  return blobs.flatMap((blob) => [
    ...(include.has('snapshots')
      ? [...blob.snapshots.values()].map((snapshot) => ({
          name: blob.name,
          snapshot: snapshot.time,
          xml: blobXml(blob, snapshot, include),
        }))
      : []),
    { name: blob.name, snapshot: '', xml: blobXml(blob, undefined, include) },
  ]);
}

function element(name: string, value: string | number | undefined): string {
  return value === undefined ? '' : `<${name}>${escapeXml(String(value))}</${name}>`;
}

function blobXml(
  blob: PageBlob,
  snapshot: PageBlobSnapshot | undefined,
  include: ReadonlySet<string>,
): string {
  const state: BlobState = snapshot?.state ?? blob.state;
  const sizeBytes = snapshot?.image.sizeBytes ?? blob.content.sizeBytes;
  const lease = snapshot === undefined ? blob.lease.view(Date.now()) : undefined;
  const { http, copy } = state;
  const copied =
    copy !== undefined && include.has('copy')
      ? element('CopyId', copy.id) +
        element('CopySource', copy.source) +
        element('CopyStatus', copyProgress(copy).status) +
        element('CopyProgress', copyProgress(copy).progress) +
        element('CopyCompletionTime', copyProgress(copy).completedAt)
      : '';
  const metadata = Object.entries(state.metadata).map(([name, value]) => element(name, value));
  return [
    '<Blob>',
    element('Name', blob.name),
    element('Snapshot', snapshot?.time),
    '<Properties>',
    element('Creation-Time', httpDate(state.createdMs)),
    element('Last-Modified', httpDate(state.lastModifiedMs)),
    element('Etag', state.etag.replaceAll('"', '')),
    element('Content-Length', sizeBytes),
    element('Content-Type', http.contentType),
    element('Content-Encoding', http.contentEncoding ?? ''),
    element('Content-Language', http.contentLanguage ?? ''),
    element('Content-MD5', http.contentMd5 ?? ''),
    element('Cache-Control', http.cacheControl ?? ''),
    element('Content-Disposition', http.contentDisposition ?? ''),
    element('x-ms-blob-sequence-number', state.sequenceNumber),
    '<BlobType>PageBlob</BlobType>',
    element('LeaseStatus', lease?.status),
    element('LeaseState', lease?.state),
    element('LeaseDuration', lease?.duration),
    copied,
    element('IncrementalCopy', blob.incremental === undefined ? undefined : 'true'),
    element('CopyDestinationSnapshot', copy?.destinationSnapshot),
    '<ServerEncrypted>true</ServerEncrypted>',
    '</Properties>',
    include.has('metadata') ? `<Metadata>${metadata.join('')}</Metadata>` : '',
    '</Blob>',
  ].join('');
}

function compareListed(a: ListedBlob, b: ListedBlob): number {
  if (a.name !== b.name) {
    return a.name < b.name ? -1 : 1;
  }
  if (a.snapshot === b.snapshot) {
    return 0;
  }
  // Snapshots by time, the base last.
  return b.snapshot === '' || (a.snapshot !== '' && a.snapshot < b.snapshot) ? -1 : 1;
}

/** The XML of List Blobs over all `blobs`, in any order, already cut to the prefix. */
export function renderList(blobs: readonly ListedBlob[], options: ListOptions): string {
  const { delimiter, prefix, marker } = options;
  const limit = Math.min(options.maxResults ?? MAX_RESULTS, MAX_RESULTS);
  const sorted = [...blobs].sort(compareListed);
  const entries: { key: string; xml: string; isPrefix: boolean }[] = [];
  for (const blob of sorted) {
    const cut = delimiter === '' ? -1 : blob.name.indexOf(delimiter, prefix.length);
    if (cut >= 0) {
      const name = blob.name.slice(0, cut + delimiter.length);
      const key = keyOf(name, '');
      if (entries.at(-1)?.key !== key) {
        const xml = `<BlobPrefix>${element('Name', name)}</BlobPrefix>`;
        entries.push({ key, xml, isPrefix: true });
      }
    } else {
      entries.push({ key: keyOf(blob.name, blob.snapshot), xml: blob.xml, isPrefix: false });
    }
  }
  const start = marker === '' ? 0 : entries.findIndex(({ key }) => key === marker);
  const from = start < 0 ? entries.length : start;
  const page = entries.slice(from, from + limit);
  const next = entries[from + limit]?.key ?? '';
  const body = page.map(({ xml }) => xml).join('');
  return [
    `<EnumerationResults ServiceEndpoint="${escapeXml(options.endpoint)}" ContainerName="${escapeXml(options.container)}">`,
    prefix === '' ? '' : element('Prefix', prefix),
    marker === '' ? '' : element('Marker', marker),
    options.maxResults === undefined ? '' : element('MaxResults', options.maxResults),
    delimiter === '' ? '' : element('Delimiter', delimiter),
    `<Blobs>${body}</Blobs>`,
    `<NextMarker>${escapeXml(next)}</NextMarker>`,
    '</EnumerationResults>',
  ].join('');
}

function keyOf(name: string, snapshot: string): string {
  return Buffer.from(`${snapshot}\n${name}`).toString('base64url');
}
