import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  BlobServiceClient,
  type ContainerClient,
  generateAccountSASQueryParameters,
  RestError,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SpawnedLocalAzure, spawnLocalAzure } from '../spawn-local-azure.ts';

/**
 * A storage client that knows nothing of us, against the accounts of a local Azure in a process of
 * its own, with nothing but what that prints: what `npm start` shows to a newcomer.
 */

let azure: SpawnedLocalAzure;
beforeAll(async () => {
  azure = await spawnLocalAzure({
    seed: 'any-client',
    accounts: [
      { name: 'firstaccount', region: 'westeurope' },
      { name: 'secondaccount', region: 'northeurope' },
    ],
  });
  const certificate = readFileSync(azure.info.caFile, 'utf8');
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), certificate]);
});
afterAll(async () => {
  await azure?.stop();
});

const account = (index = 0) => {
  const found = azure.info.accounts[index];
  if (found === undefined) throw new Error(`no account ${index}`);
  return found;
};

const byConnectionString = (index = 0): BlobServiceClient =>
  BlobServiceClient.fromConnectionString(account(index).connectionString);

const accountSas = (permissions: string): string =>
  generateAccountSASQueryParameters(
    {
      expiresOn: new Date(Date.now() + 3_600_000),
      permissions: AccountSASPermissions.parse(permissions),
      resourceTypes: AccountSASResourceTypes.parse('sco').toString(),
      services: AccountSASServices.parse('b').toString(),
    },
    new StorageSharedKeyCredential(account().name, account().key),
  ).toString();

const byAccountSas = (permissions = 'rwdlac'): BlobServiceClient =>
  new BlobServiceClient(`${account().blobEndpoint}?${accountSas(permissions)}`);

const byToken = (): BlobServiceClient =>
  new BlobServiceClient(account().blobEndpoint, {
    async getToken() {
      const identity = azure.info.identities[0]?.name ?? '';
      const issued = await azure.control.issueToken(identity, 'https://storage.azure.com/');
      return { token: issued.token, expiresOnTimestamp: issued.expiresOn * 1000 };
    },
  });

/** `status code` of a refused call. */
async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'no refusal';
  } catch (error) {
    if (!(error instanceof RestError)) throw error;
    const details = error.details as { readonly errorCode?: string } | undefined;
    return `${error.statusCode} ${error.code ?? details?.errorCode ?? ''}`;
  }
}

const page = (byte: number, lengthBytes = 512): Buffer => Buffer.alloc(lengthBytes, byte);

describe.each<[string, () => BlobServiceClient]>([
  ['the printed connection string', () => byConnectionString()],
  ['an account SAS', () => byAccountSas()],
  ['a bearer token', byToken],
])('a client with %s', (_what, connect) => {
  let container: ContainerClient;
  beforeAll(async () => {
    container = connect().getContainerClient(`c-${crypto.randomUUID()}`);
    await container.create();
  });

  it('puts, stages, reads and copies block blobs', async () => {
    const blob = container.getBlockBlobClient('some/block blob.bin');
    await blob.upload('hello', 5, { metadata: { owner: 'me' } });
    expect((await blob.downloadToBuffer()).toString()).toBe('hello');
    const ids = ['1', '2'].map((id) => Buffer.from(id.padStart(8, '0')).toString('base64'));
    const parts = [page(1, 700_000), page(2, 300_000)];
    for (const [index, id] of ids.entries()) {
      const part = parts[index] ?? Buffer.alloc(0);
      await blob.stageBlock(id, part, part.length);
    }
    await blob.commitBlockList(ids);
    expect((await blob.downloadToBuffer()).equals(Buffer.concat(parts))).toBe(true);
    expect((await blob.downloadToBuffer(699_999, 2)).equals(Buffer.from([1, 2]))).toBe(true);
    expect(await refusalOf(blob.upload('x', 1, { conditions: { ifNoneMatch: '*' } }))).toBe(
      '409 BlobAlreadyExists',
    );
  });

  it('appends, in order and under conditions', async () => {
    const blob = container.getAppendBlobClient('log.txt');
    await blob.create();
    await blob.appendBlock('one ', 4);
    const second = await blob.appendBlock('two', 3, { conditions: { appendPosition: 4 } });
    expect(second.blobAppendOffset).toBe('4');
    expect(await refusalOf(blob.appendBlock('x', 1, { conditions: { appendPosition: 4 } }))).toBe(
      '412 AppendPositionConditionNotMet',
    );
    expect((await blob.downloadToBuffer()).toString()).toBe('one two');
  });

  it('writes, clears, snapshots and compares page blobs', async () => {
    const blob = container.getPageBlobClient('disk.vhd');
    await blob.create(8192);
    await blob.uploadPages(page(7, 1024), 1024, 1024);
    const { snapshot = '' } = await blob.createSnapshot();
    await blob.uploadPages(page(8), 4096, 512);
    await blob.clearPages(1024, 512);
    expect((await blob.getPageRanges()).pageRange).toEqual([
      { offset: 1536, count: 511 },
      { offset: 4096, count: 511 },
    ]);
    const changes = await blob.getPageRangesDiff(0, 8192, snapshot);
    expect(changes.pageRange).toEqual([{ offset: 4096, count: 511 }]);
    expect(changes.clearRange).toEqual([{ offset: 1024, count: 511 }]);
    const old = await blob.withSnapshot(snapshot).downloadToBuffer(1024, 512);
    expect(old.equals(page(7))).toBe(true);
    expect(await refusalOf(blob.uploadPages(page(1), 100, 512))).toMatch(/^4\d\d Invalid/);
  });

  it('leases every kind of blob, and is kept out without the lease', async () => {
    const page1 = container.getPageBlobClient('leased.vhd');
    await page1.create(512);
    const block = container.getBlockBlobClient('leased.txt');
    await block.upload('x', 1);
    for (const blob of [page1, block]) {
      const lease = blob.getBlobLeaseClient();
      const { leaseId = '' } = await lease.acquireLease(-1);
      expect(await refusalOf(blob.setMetadata({ a: 'b' }))).toBe('412 LeaseIdMissing');
      expect(await refusalOf(blob.getBlobLeaseClient().acquireLease(15))).toBe(
        '409 LeaseAlreadyPresent',
      );
      const other = crypto.randomUUID();
      await lease.changeLease(other);
      const stale = blob.setMetadata({ a: 'b' }, { conditions: { leaseId } });
      expect(await refusalOf(stale)).toBe('412 LeaseIdMismatchWithBlobOperation');
      await blob.setMetadata({ a: 'b' }, { conditions: { leaseId: other } });
      expect((await blob.getProperties()).leaseState).toBe('leased');
      await lease.breakLease(0);
      await blob.delete();
    }
  });

  it('lists blobs of all kinds, by prefix, by folder and page by page', async () => {
    const names = async (found: AsyncIterable<{ readonly name: string }>) => {
      const all: string[] = [];
      for await (const { name } of found) all.push(name);
      return all;
    };
    expect(await names(container.listBlobsFlat())).toEqual([
      'disk.vhd',
      'log.txt',
      'some/block blob.bin',
    ]);
    expect(await names(container.listBlobsFlat({ prefix: 'some/' }))).toEqual([
      'some/block blob.bin',
    ]);
    // The client gives the folders of a page before its blobs.
    expect(await names(container.listBlobsByHierarchy('/'))).toEqual([
      'some/',
      'disk.vhd',
      'log.txt',
    ]);
    const pages: number[] = [];
    for await (const one of container.listBlobsFlat().byPage({ maxPageSize: 2 })) {
      pages.push(one.segment.blobItems.length);
    }
    expect(pages).toEqual([2, 1]);
    const all: string[] = [];
    for await (const blob of container.listBlobsFlat({ includeSnapshots: true })) {
      all.push(`${blob.properties.blobType} ${blob.snapshot ? 'snapshot' : 'base'}`);
    }
    expect(all).toEqual([
      'PageBlob snapshot',
      'PageBlob base',
      'AppendBlob base',
      'BlockBlob base',
    ]);
    expect(await names(connect().listContainers())).toContain(container.containerName);
  });
});

describe('what does not belong to an account', () => {
  it('is refused: another account’s key, a SAS that allows less, no sign-in at all', async () => {
    const own = byConnectionString().getContainerClient('guarded');
    await own.create();
    await own.getPageBlobClient('a.vhd').create(512);
    const stranger = new BlobServiceClient(
      account().blobEndpoint,
      new StorageSharedKeyCredential(account().name, account(1).key),
    );
    const foreign = stranger.getContainerClient('guarded').getPageBlobClient('a.vhd');
    expect(await refusalOf(foreign.getProperties())).toBe('403 AuthenticationFailed');
    // Azurite, which serves containers, says 400 where Azure says 403.
    expect(await refusalOf(stranger.getContainerClient('guarded').getProperties())).toMatch(/^40/);
    const reader = byAccountSas('rl').getContainerClient('guarded');
    expect(await reader.getPageBlobClient('a.vhd').exists()).toBe(true);
    expect(await refusalOf(reader.getPageBlobClient('b.vhd').create(512))).toBe(
      '403 AuthorizationPermissionMismatch',
    );
    const nobody = new BlobServiceClient(account().blobEndpoint).getContainerClient('guarded');
    expect(await refusalOf(nobody.getPageBlobClient('a.vhd').getProperties())).toMatch(/^4\d\d /);
    expect(await byConnectionString(1).getContainerClient('guarded').exists()).toBe(false);
  });
});
