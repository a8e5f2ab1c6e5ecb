import { request } from 'node:https';
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  AnonymousCredential,
  BlobSASPermissions,
  BlobServiceClient,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  PageBlobClient,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusal } from './refusal.ts';
import type { StorageFixture } from './storage-fixture.ts';
import { startStorage } from './storage-fixture.ts';

const MIB = 2 ** 20;
const once = { retryOptions: { maxTries: 1 } };
let fixture: StorageFixture;
let service: BlobServiceClient;
let blob: PageBlobClient;
let key: StorageSharedKeyCredential;
let snapshot = '';

beforeAll(async () => {
  fixture = await startStorage();
  const { account } = fixture;
  key = new StorageSharedKeyCredential(account.name, account.key);
  service = new BlobServiceClient(account.blobEndpoint, key, once);
  await service.getContainerClient('box').create();
  blob = service.getContainerClient('box').getPageBlobClient('folder/a disk+1.vhd');
  await blob.create(MIB);
  await blob.uploadPages(Buffer.alloc(512, 1), 0, 512);
  snapshot = (await blob.createSnapshot()).snapshot ?? '';
}, 60_000);

afterAll(async () => {
  await fixture?.stop();
});

const inMinutes = (minutes: number) => new Date(Date.now() + minutes * 60_000);
const withSas = (sas: { toString(): string }, url = blob.url) =>
  new PageBlobClient(
    `${url}${url.includes('?') ? '&' : '?'}${sas}`,
    new AnonymousCredential(),
    once,
  );
const page = Buffer.alloc(512, 2);

describe('authorisation of page blob requests', () => {
  it('takes the account key and refuses another one', async () => {
    const wrong = new StorageSharedKeyCredential(
      fixture.account.name,
      Buffer.alloc(64, 1).toString('base64'),
    );
    expect(await refusal(new PageBlobClient(blob.url, wrong, once).getProperties())).toBe(
      '403 AuthenticationFailed',
    );
    const tampered = new PageBlobClient(blob.url, key, once);
    expect(
      (await tampered.getProperties({ abortSignal: AbortSignal.timeout(5000) })).blobType,
    ).toBe('PageBlob');
  });

  it('takes bearer tokens for storage only', async () => {
    const allowed = new PageBlobClient(blob.url, fixture.credential, once);
    await allowed.uploadPages(page, 512, 512);
    expect((await allowed.getPageRanges()).pageRange).toEqual([{ offset: 0, count: 1023 }]);
    const wrong = new PageBlobClient(blob.url, fixture.wrongCredential, once);
    expect(await refusal(wrong.uploadPages(page, 0, 512))).toBe('401 InvalidAuthenticationInfo');
  });

  it('asks strangers for their name', async () => {
    const stranger = new PageBlobClient(blob.url, new AnonymousCredential(), once);
    expect(await refusal(stranger.uploadPages(page, 0, 512))).toBe(
      '401 NoAuthenticationInformation',
    );
    expect(await refusal(stranger.getProperties())).toBe('401 NoAuthenticationInformation');
  });

  it('keeps to the permissions, services and types of an account SAS', async () => {
    const sas = (permissions: string, services: string, types: string) =>
      generateAccountSASQueryParameters(
        {
          permissions: AccountSASPermissions.parse(permissions),
          services: AccountSASServices.parse(services).toString(),
          resourceTypes: AccountSASResourceTypes.parse(types).toString(),
          expiresOn: inMinutes(10),
          protocol: SASProtocol.Https,
        },
        key,
      );
    await withSas(sas('rw', 'b', 'o')).uploadPages(page, 0, 512);
    await withSas(sas('r', 'bq', 'sco')).getProperties();
    expect(await refusal(withSas(sas('r', 'b', 'o')).uploadPages(page, 0, 512))).toBe(
      '403 AuthorizationPermissionMismatch',
    );
    expect(await refusal(withSas(sas('r', 'q', 'o')).getProperties())).toBe(
      '403 AuthorizationServiceMismatch',
    );
    expect(await refusal(withSas(sas('r', 'b', 'c')).getProperties())).toBe(
      '403 AuthorizationResourceTypeMismatch',
    );
  });

  it('keeps to the blob, container, snapshot, times and address of a service SAS', async () => {
    const sas = (options: Partial<Parameters<typeof generateBlobSASQueryParameters>[0]>) =>
      generateBlobSASQueryParameters(
        {
          containerName: 'box',
          blobName: 'folder/a disk+1.vhd',
          permissions: BlobSASPermissions.parse('r'),
          expiresOn: inMinutes(10),
          ...options,
        },
        key,
      );
    await withSas(sas({})).getProperties();
    await withSas(sas({ ipRange: { start: '127.0.0.1', end: '127.0.0.9' } })).getProperties();
    const headers = await withSas(sas({ contentType: 'text/plain' })).getProperties();
    expect(headers.contentType).toBe('text/plain');
    expect(await refusal(withSas(sas({ blobName: 'other' })).getProperties())).toBe(
      '403 AuthenticationFailed',
    );
    expect(await refusal(withSas(sas({ expiresOn: inMinutes(-1) })).getProperties())).toBe(
      '403 AuthenticationFailed',
    );
    expect(await refusal(withSas(sas({ startsOn: inMinutes(5) })).getProperties())).toBe(
      '403 AuthenticationFailed',
    );
    expect(await refusal(withSas(sas({ ipRange: { start: '10.0.0.1' } })).getProperties())).toBe(
      '403 AuthorizationSourceIPMismatch',
    );
    expect(await refusal(withSas(sas({})).delete())).toBe('403 AuthorizationPermissionMismatch');
    const ofContainer = generateBlobSASQueryParameters(
      {
        containerName: 'box',
        permissions: ContainerSASPermissions.parse('rw'),
        expiresOn: inMinutes(10),
      },
      key,
    );
    await withSas(ofContainer).uploadPages(page, 0, 512);
    const ofSnapshot = sas({ snapshotTime: snapshot });
    const snapshotUrl = blob.withSnapshot(snapshot).url;
    expect((await withSas(ofSnapshot, snapshotUrl).getProperties()).contentLength).toBe(MIB);
    expect(await refusal(withSas(ofSnapshot).getProperties())).toMatch(/^403 /);
  });

  it('lets a SAS with create alone make a blob and not write over one', async () => {
    const sas = (name: string) =>
      generateBlobSASQueryParameters(
        {
          containerName: 'box',
          blobName: name,
          permissions: BlobSASPermissions.parse('c'),
          expiresOn: inMinutes(10),
        },
        key,
      );
    const url = service.getContainerClient('box').getPageBlobClient('made').url;
    await withSas(sas('made'), url).create(MIB);
    expect(await refusal(withSas(sas('made'), url).create(MIB))).toBe(
      '403 UnauthorizedBlobOverwrite',
    );
  });

  it('follows a stored access policy until it is taken away', async () => {
    const container = service.getContainerClient('box');
    await container.setAccessPolicy(undefined, [
      { id: 'readers', accessPolicy: { permissions: 'r', expiresOn: inMinutes(10) } },
    ]);
    const sas = generateBlobSASQueryParameters(
      { containerName: 'box', blobName: 'folder/a disk+1.vhd', identifier: 'readers' },
      key,
    );
    await withSas(sas).getProperties();
    expect(await refusal(withSas(sas).uploadPages(page, 0, 512))).toBe(
      '403 AuthorizationPermissionMismatch',
    );
    await container.setAccessPolicy();
    expect(await refusal(withSas(sas).getProperties())).toBe('403 AuthenticationFailed');
  });

  it('verifies a user delegation SAS with the key that it was made with', async () => {
    const byToken = new BlobServiceClient(fixture.account.blobEndpoint, fixture.credential, once);
    const delegation = await byToken.getUserDelegationKey(inMinutes(-5), inMinutes(30));
    const sas = (permissions: string, expiresOn = inMinutes(10)) =>
      generateBlobSASQueryParameters(
        {
          containerName: 'box',
          blobName: 'folder/a disk+1.vhd',
          permissions: BlobSASPermissions.parse(permissions),
          expiresOn,
        },
        delegation,
        fixture.account.name,
      );
    await withSas(sas('rw')).uploadPages(page, 0, 512);
    expect(await refusal(withSas(sas('r')).uploadPages(page, 0, 512))).toBe(
      '403 AuthorizationPermissionMismatch',
    );
    expect(await refusal(withSas(sas('r', inMinutes(-1))).getProperties())).toBe(
      '403 AuthenticationFailed',
    );
    const forged = sas('r')
      .toString()
      .replace(/ske=[^&]*/, 'ske=2099-01-01T00%3A00%3A00Z');
    expect(await refusal(withSas(forged).getProperties())).toBe('403 AuthenticationFailed');
  });

  it('tells the ledger of keys, delegation keys and signatures', async () => {
    const url = await blob.generateSasUrl({
      permissions: BlobSASPermissions.parse('r'),
      expiresOn: inMinutes(1),
    });
    await new PageBlobClient(url, new AnonymousCredential(), once).getProperties();
    const signature = new URL(url).searchParams.get('sig') ?? '';
    const byToken = new BlobServiceClient(fixture.account.blobEndpoint, fixture.credential, once);
    const delegation = await byToken.getUserDelegationKey(inMinutes(-5), inMinutes(30));
    const values = fixture.ledger.list().map(({ value }) => value);
    expect(values).toEqual(
      expect.arrayContaining([fixture.account.key, signature, delegation.value]),
    );
  });

  it('answers errors as XML with a byte order mark, HEAD without a body', async () => {
    const read = (method: string) =>
      new Promise<{ code: unknown; body: string; status: number | undefined }>(
        (resolve, reject) => {
          const sent = request(`${blob.url}?snapshot=x`, { method }, (answer) => {
            let body = '';
            answer.setEncoding('utf8').on('data', (part: string) => {
              body += part;
            });
            answer.once('end', () =>
              resolve({
                code: answer.headers['x-ms-error-code'],
                body,
                status: answer.statusCode,
              }),
            );
          });
          sent.once('error', reject).end();
        },
      );
    const code = 'NoAuthenticationInformation';
    expect(await read('HEAD')).toEqual({ code, body: '', status: 401 });
    const { body } = await read('GET');
    expect(body).toMatch(
      /^\uFEFF<\?xml version="1.0" encoding="utf-8"\?><Error><Code>NoAuthenticationInformation<\/Code><Message>[^\n]+\nRequestId:\S+\nTime:\S+<\/Message><\/Error>$/,
    );
  });
});
