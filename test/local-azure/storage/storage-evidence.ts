/** What tests and ARM look at behind the storage services' back: images, counters, the inventory. */
import type { StorageInventoryItem, StorageService } from '../contracts.ts';
import { damageImage } from '../pages/page-store.ts';
import type { AzuriteQueries } from './azurite-queries.ts';
import { splitBlobPath } from './exchange.ts';
import type { PageBlob, PageBlobs } from './page-blob.ts';
import type { StorageAccount } from './storage-account.ts';
import type { LocalStorageService } from './storage-service.ts';
import { findVhdProblem, withoutVhdFooter } from './vhd-footer.ts';

export interface StorageEvidenceParts {
  readonly accounts: readonly StorageAccount[];
  readonly blobs: PageBlobs;
  queriesOf(account: string): AzuriteQueries;
}

type StorageEvidence = Pick<
  LocalStorageService,
  'readPageBlobForImport' | 'inventory' | 'damageByte' | 'pageImage' | 'counters' | 'pageBlobs'
>;

/** The parts of the storage service that look at page blobs and listings directly. */
export function createStorageEvidence(parts: StorageEvidenceParts): StorageEvidence {
  const { blobs } = parts;

  function find(account: string, container: string, name: string): PageBlob {
    const blob = blobs.find(account, container, name);
    if (blob === undefined) {
      throw new RangeError(`no page blob ${account}/${container}/${name}`);
    }
    return blob;
  }

  return {
    readPageBlobForImport: (blobUrl, region) => readForImport(blobUrl, region, parts),

    pageImage(account, container, name, snapshotTime) {
      const blob = find(account, container, name);
      if (snapshotTime === undefined) {
        return blob.content.snapshot();
      }
      const snapshot = blob.snapshots.get(snapshotTime);
      if (snapshot === undefined) {
        throw new RangeError(`no snapshot ${snapshotTime} of ${account}/${container}/${name}`);
      }
      return snapshot.image;
    },

    damageByte(account, container, name, snapshotTime, offset) {
      const blob = find(account, container, name);
      const snapshot = snapshotTime === undefined ? undefined : blob.snapshots.get(snapshotTime);
      if (snapshotTime !== undefined && snapshot === undefined) {
        throw new RangeError(`no snapshot ${snapshotTime} of ${account}/${container}/${name}`);
      }
      if (snapshot === undefined) {
        blob.content = damageImage(blob.content.snapshot(), offset).fork();
      } else {
        const image = damageImage(snapshot.image, offset);
        blob.snapshots.set(snapshot.time, { ...snapshot, image });
      }
    },

    counters: (account, container, name) => ({ ...find(account, container, name).counters }),

    pageBlobs: () =>
      parts.accounts.flatMap(({ name, region }) =>
        blobs.listAccount(name).map((blob) => ({
          account: name,
          region,
          container: blob.container,
          blob: blob.name,
          sizeBytes: blob.content.sizeBytes,
          allocatedBytes: blob.content
            .allocatedRanges()
            .reduce((sum, { start, end }) => sum + end - start, 0),
          snapshots: [...blob.snapshots.keys()],
          ...blob.counters,
        })),
      ),

    async inventory() {
      const items: StorageInventoryItem[] = [];
      for (const account of parts.accounts) {
        items.push(...(await inventoryOf(account, parts)));
      }
      return items;
    },
  };
}

function readForImport(
  blobUrl: string,
  region: string,
  parts: StorageEvidenceParts,
): ReturnType<StorageService['readPageBlobForImport']> {
  if (!URL.canParse(blobUrl)) {
    return { problem: `'${blobUrl}' is not a URL.` };
  }
  const url = new URL(blobUrl);
  const address = splitBlobPath(url.pathname);
  const account = parts.accounts.find(
    ({ name, blobEndpoint }) =>
      name === address.account && new URL(blobEndpoint).origin === url.origin,
  );
  if (account === undefined) {
    return { problem: `The storage account of '${url.origin}${url.pathname}' does not exist.` };
  }
  if (account.region !== region) {
    return {
      problem: `The blob is in a storage account in '${account.region}', the disk is to be in '${region}'.`,
    };
  }
  if (url.searchParams.has('snapshot')) {
    return { problem: 'A managed disk cannot be imported from a snapshot of a page blob.' };
  }
  const blob = parts.blobs.find(address.account, address.container, address.blob);
  if (blob === undefined) {
    return { problem: `There is no page blob '${address.container}/${address.blob}'.` };
  }
  const image = blob.content.snapshot();
  const problem = findVhdProblem(image);
  return problem === undefined ? { image: withoutVhdFooter(image) } : { problem };
}

async function inventoryOf(
  account: StorageAccount,
  parts: StorageEvidenceParts,
): Promise<StorageInventoryItem[]> {
  const { name, region } = account;
  const queries = parts.queriesOf(name);
  const items: StorageInventoryItem[] = [];
  const add = (kind: StorageInventoryItem['kind'], path: string, sizeBytes?: number) =>
    items.push({
      kind,
      account: name,
      region,
      path,
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
    });
  for (const container of await queries.listContainers(name)) {
    add('container', container.name);
    if (container.isLeased) {
      add('lease', container.name);
    }
    const committed = await queries.listBlobs(name, container.name, '', 'snapshots');
    const names = new Set(committed.map((listed) => listed.name));
    const pending = await queries.listBlobs(name, container.name, '', 'uncommittedblobs');
    for (const listed of pending.filter((one) => !names.has(one.name))) {
      add('uncommitted-blob', `${container.name}/${listed.name}`, 0);
    }
    for (const listed of committed) {
      const path = `${container.name}/${listed.name}`;
      const sizeBytes = Number(/<Content-Length>(\d+)</.exec(listed.xml)?.[1] ?? 0);
      if (listed.snapshot === '') {
        add('blob', path, sizeBytes);
      } else {
        add('blob-snapshot', `${path}?snapshot=${listed.snapshot}`, sizeBytes);
      }
      if (listed.xml.includes('<LeaseState>leased</LeaseState>')) {
        add('lease', path);
      }
    }
    for (const blob of parts.blobs.list(name, container.name)) {
      const path = `${container.name}/${blob.name}`;
      add('blob', path, blob.content.sizeBytes);
      for (const { time, image } of blob.snapshots.values()) {
        add('blob-snapshot', `${path}?snapshot=${time}`, image.sizeBytes);
      }
      if (blob.lease.view(Date.now()).status === 'locked') {
        add('lease', path);
      }
    }
  }
  return items;
}
