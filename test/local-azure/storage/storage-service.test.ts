import { randomBytes } from 'node:crypto';
import { request } from 'node:https';
import type { TokenCredential } from '@azure/core-auth';
import { AzureNamedKeyCredential, TableClient, TableServiceClient } from '@azure/data-tables';
import type { ContainerClient } from '@azure/storage-blob';
import {
  AccountSASPermissions,
  BlobServiceClient,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blobServiceOf } from './page-blob-bed.ts';
import { refusal } from './refusal.ts';
import type { StorageFixture } from './storage-fixture.ts';
import { NORTH, startStorage, WEST } from './storage-fixture.ts';

const MIB = 2 ** 20;
let fixture: StorageFixture;
let service: BlobServiceClient;
let number = 0;

beforeAll(async () => {
  fixture = await startStorage({ regions: [WEST, NORTH] });
  service = blobServiceOf(fixture);
}, 60_000);

afterAll(async () => {
  await fixture?.stop();
  expect(fixture?.failures).toEqual([]);
});

function urlParts(url: string): { host: string; port: string } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port };
}

async function newContainer(): Promise<ContainerClient> {
  number += 1;
  const container = service.getContainerClient(`container-${number}`);
  await container.create();
  return container;
}

describe('List Blobs', () => {
  it('shows page blobs between block and append blobs, with prefixes, in pages', async () => {
    const container = await newContainer();
    await container.getBlockBlobClient('b/block').upload('x', 1);
    await container.getAppendBlobClient('d').create();
    for (const name of ['a', 'b/page', 'c/1', 'c/2', 'e & f']) {
      await container.getPageBlobClient(name).create(512, { metadata: { Name: name } });
    }
    const names: string[] = [];
    const sizes: number[] = [];
    for await (const page of container.listBlobsFlat().byPage({ maxPageSize: 3 })) {
      names.push(...page.segment.blobItems.map(({ name }) => name));
      sizes.push(page.segment.blobItems.length);
    }
    expect(names).toEqual(['a', 'b/block', 'b/page', 'c/1', 'c/2', 'd', 'e & f']);
    expect(sizes).toEqual([3, 3, 1]);
    const top: string[] = [];
    for await (const item of container.listBlobsByHierarchy('/')) {
      top.push(`${item.kind} ${item.name}`);
    }
    // The client gives the prefixes of a page first.
    expect(top).toEqual(['prefix b/', 'prefix c/', 'blob a', 'blob d', 'blob e & f']);
    const found: unknown[] = [];
    for await (const item of container.listBlobsFlat({ prefix: 'e', includeMetadata: true })) {
      found.push([item.name, item.properties.blobType, item.metadata]);
    }
    expect(found).toEqual([['e & f', 'PageBlob', { Name: 'e & f' }]]);
  });

  it('shows snapshots before their base', async () => {
    const container = await newContainer();
    const blob = container.getPageBlobClient('disk');
    await blob.create(512);
    const { snapshot: first } = await blob.createSnapshot();
    await blob.resize(1024);
    const { snapshot: second } = await blob.createSnapshot();
    const found: unknown[] = [];
    for await (const item of container.listBlobsFlat({ includeSnapshots: true })) {
      found.push([item.snapshot, item.properties.contentLength]);
    }
    expect(found).toEqual([
      [first, 512],
      [second, 1024],
      [undefined, 1024],
    ]);
  });

  it('refuses a missing container and strangers also where page blobs are', async () => {
    const missing = service.getContainerClient('missing').listBlobsFlat();
    expect(await refusal(missing.next())).toBe('404 ContainerNotFound');
    const container = await newContainer();
    await container.getPageBlobClient('p').create(512);
    const stranger = new BlobServiceClient(fixture.account.blobEndpoint, undefined, {
      retryOptions: { maxTries: 1 },
    });
    const listed = stranger.getContainerClient(container.containerName).listBlobsFlat();
    expect(await refusal(listed.next())).toMatch(/^40[134] /);
  });

  it('forgets page blobs with their container', async () => {
    const container = await newContainer();
    const blob = container.getPageBlobClient('p');
    await blob.create(512);
    await container.delete();
    expect(await refusal(blob.getProperties())).toMatch(/^404 /);
    expect(() => fixture.storage.pageImage('west0', container.containerName, 'p')).toThrow(
      RangeError,
    );
  });
});

describe('what Azurite serves', () => {
  it('appends with conditions and reads back, by key and by token', async () => {
    const container = await newContainer();
    const blob = container.getAppendBlobClient('session/to-guest');
    await blob.create();
    await blob.appendBlock('one\n', 4, { conditions: { appendPosition: 0 } });
    expect(await refusal(blob.appendBlock('two\n', 4, { conditions: { appendPosition: 0 } }))).toBe(
      '412 AppendPositionConditionNotMet',
    );
    const byToken = new BlobServiceClient(fixture.account.blobEndpoint, fixture.credential);
    const same = byToken.getContainerClient(container.containerName).getBlobClient(blob.name);
    expect((await same.downloadToBuffer()).toString()).toBe('one\n');
    expect((await same.downloadToBuffer(1, 3)).toString()).toBe('ne\n');
    expect(await refusal(same.download(4))).toBe('416 InvalidRange');
    expect(await refusal(same.download(4, 10))).toBe('416 InvalidRange');
    expect(await refusal(same.download(5))).toBe('416 InvalidRange');
  });

  it('carries megabytes unchanged', async () => {
    const container = await newContainer();
    const data = randomBytes(5 * MIB);
    const blob = container.getBlockBlobClient('large');
    await blob.uploadData(data, { blockSize: 2 * MIB });
    expect((await blob.downloadToBuffer()).equals(data)).toBe(true);
  });

  it('keeps tables, by key and by token', async () => {
    const { name, key, tableEndpoint } = fixture.account;
    const byKey = new TableServiceClient(tableEndpoint, new AzureNamedKeyCredential(name, key));
    await byKey.createTable('points');
    const table = new TableClient(tableEndpoint, 'points', fixture.credential);
    await table.createEntity({ partitionKey: 'vm', rowKey: '1', label: 'fileSystem' });
    const labels: unknown[] = [];
    for await (const entity of table.listEntities()) {
      labels.push(entity['label']);
    }
    expect(labels).toEqual(['fileSystem']);
    const again = await table
      .createEntity({ partitionKey: 'vm', rowKey: '1' })
      .catch((error: { statusCode?: number }) => error.statusCode);
    expect(again).toBe(409);
  });

  it('takes no token of another audience or maker', async () => {
    const container = await newContainer();
    const refusedBy = (credential: TokenCredential) => {
      const client = new BlobServiceClient(fixture.account.blobEndpoint, credential, {
        retryOptions: { maxTries: 1 },
      });
      return refusal(client.getContainerClient(container.containerName).getProperties());
    };
    expect(await refusedBy(fixture.wrongCredential)).toBe('401 InvalidAuthenticationInfo');
    const forged: TokenCredential = {
      async getToken(scopes, options) {
        const made = await fixture.credential.getToken(scopes, options);
        const [header = '', claims = ''] = made?.token.split('.') ?? [];
        return {
          token: `${header}.${claims}.`,
          expiresOnTimestamp: made?.expiresOnTimestamp ?? 0,
        };
      },
    };
    expect(await refusedBy(forged)).toBe('401 InvalidAuthenticationInfo');
    const table = new TableClient(fixture.account.tableEndpoint, 'any', fixture.wrongCredential);
    const error = await table
      .createEntity({ partitionKey: 'a', rowKey: 'b' })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ statusCode: 401 });
  });

  it('keeps queues', async () => {
    const sas = generateAccountSASQueryParameters(
      {
        permissions: AccountSASPermissions.parse('rwlacup'),
        services: 'q',
        resourceTypes: 'sco',
        expiresOn: new Date(Date.now() + 60_000),
      },
      new StorageSharedKeyCredential(fixture.account.name, fixture.account.key),
    );
    const call = (method: string, path: string, body = '') =>
      new Promise<string>((resolve, reject) => {
        const sent = request(
          `${fixture.account.queueEndpoint}/${path}?${sas}`,
          { method },
          (answer) => {
            let text = '';
            answer.on('data', (part: Buffer) => {
              text += part.toString();
            });
            answer.once('end', () => resolve(`${answer.statusCode} ${text}`));
          },
        );
        sent.once('error', reject).end(body);
      });
    expect(await call('PUT', 'work-items')).toMatch(/^201 /);
    const message = '<QueueMessage><MessageText>hello</MessageText></QueueMessage>';
    expect(await call('POST', 'work-items/messages', message)).toMatch(/^201 /);
    expect(await call('GET', 'work-items/messages')).toMatch(/^200 .*<MessageText>hello</s);
  });

  it('refuses an address that is none', async () => {
    const { blobEndpoint } = fixture.account;
    const answer = await new Promise<string>((resolve, reject) => {
      const sent = request({ ...urlParts(blobEndpoint), path: '/west0/box/%zz' }, (response) => {
        response.resume();
        resolve(`${response.statusCode} ${response.headers['x-ms-error-code']}`);
      });
      sent.once('error', reject).end();
    });
    expect(answer).toBe('400 InvalidUri');
  });

  it('names the operations in the request log', async () => {
    const container = await newContainer();
    const blob = container.getPageBlobClient('logged');
    await blob.create(512);
    await blob.uploadPages(Buffer.alloc(512), 0, 512);
    await blob.clearPages(0, 512);
    const { snapshot = '' } = await blob.createSnapshot();
    await blob.listPageRangesDiff(0, 512, snapshot).next();
    const path = `/west0/${container.containerName}`;
    const operations = fixture.log
      .list({ pathPattern: path })
      .map(({ operation, region }) => `${region} ${operation}`);
    expect(operations).toEqual(
      [
        'Create Container',
        'Put Blob',
        'Put Page',
        'Clear Page',
        'Snapshot Blob',
        'Get Page Ranges Diff',
      ].map((name) => `${WEST} ${name}`),
    );
  });
});
