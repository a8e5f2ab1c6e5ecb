/** Page blobs of the accounts of one region, as they lie in memory. */
import type { PageImage, PageStore } from '../contracts.ts';
import type { Lease } from './lease.ts';

export const MAX_PAGE_BLOB_BYTES = 8 * 2 ** 40;
export const MAX_PAGE_WRITE_BYTES = 4 * 2 ** 20;

export interface HttpProperties {
  readonly contentType: string;
  readonly contentEncoding?: string;
  readonly contentLanguage?: string;
  readonly contentMd5?: string;
  readonly cacheControl?: string;
  readonly contentDisposition?: string;
}

/** The last Copy Blob into this blob. */
export interface CopyState {
  readonly id: string;
  /** The source URL without its secrets. */
  readonly source: string;
  readonly totalBytes: number;
  /** Until then the copy is pending, and the blob takes no other write. */
  readonly completedMs: number;
  /** The snapshot that an incremental copy made. */
  readonly destinationSnapshot?: string;
}

/** What a snapshot keeps besides the pages. Replaced as a whole, never changed. */
export interface BlobState {
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly createdMs: number;
  readonly sequenceNumber: number;
  /** Names as they were sent: their case is kept. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly http: HttpProperties;
  readonly copy?: CopyState;
}

export interface PageBlobSnapshot {
  /** The `snapshot` parameter: an ISO time with seven decimals. */
  readonly time: string;
  readonly image: PageImage;
  readonly state: BlobState;
  /** The content's life in which it was taken; see `PageBlob.generation`. */
  readonly generation: object;
}

export interface PageBlobCounters {
  putPageBytes: number;
  putPageFromUrlBytes: number;
  requests: number;
}

export interface PageBlob {
  readonly container: string;
  readonly name: string;
  content: PageStore;
  state: BlobState;
  /** A new object after each Put Blob and Copy Blob: no difference reaches across them. */
  generation: object;
  readonly lease: Lease;
  readonly snapshots: Map<string, PageBlobSnapshot>;
  readonly counters: PageBlobCounters;
  /** Set for the target of incremental copies: the source and its snapshot copied last. */
  incremental?: { readonly sourceBlob: string; readonly sourceTime: string };
}

/** Either a base blob or one of its snapshots, as a read sees it. */
export interface BlobView {
  readonly content: Pick<PageImage, 'sizeBytes' | 'read' | 'allocatedRanges'>;
  readonly state: BlobState;
  readonly blob: PageBlob;
  readonly snapshot: PageBlobSnapshot | undefined;
}

export interface PageBlobs {
  find(account: string, container: string, name: string): PageBlob | undefined;
  add(account: string, blob: PageBlob): void;
  remove(account: string, blob: PageBlob): void;
  removeContainer(account: string, container: string): void;
  /** Sorted by name. */
  list(account: string, container: string): PageBlob[];
  /** Of all containers, sorted by container and name. */
  listAccount(account: string): PageBlob[];
}

/** No page blobs yet. */
export function createPageBlobs(): PageBlobs {
  const containers = new Map<string, Map<string, PageBlob>>();
  const keyOf = (account: string, container: string) => `${account}/${container}`;
  function list(account: string, container: string): PageBlob[] {
    const blobs = [...(containers.get(keyOf(account, container))?.values() ?? [])];
    return blobs.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  return {
    find: (account, container, name) => containers.get(keyOf(account, container))?.get(name),
    add(account, blob) {
      const key = keyOf(account, blob.container);
      const blobs = containers.get(key) ?? new Map<string, PageBlob>();
      blobs.set(blob.name, blob);
      containers.set(key, blobs);
    },
    remove(account, blob) {
      containers.get(keyOf(account, blob.container))?.delete(blob.name);
    },
    removeContainer(account, container) {
      containers.delete(keyOf(account, container));
    },
    list,
    listAccount: (account) =>
      [...containers.keys()]
        .filter((key) => key.startsWith(`${account}/`))
        .sort()
        .flatMap((key) => list(account, key.slice(account.length + 1))),
  };
}
