import {
  AnonymousCredential,
  BlobServiceClient,
  PageBlobClient,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createVhdFooter } from '../storage/vhd-footer.ts';
import { type ArmTestClient, soon, startArmTestClient } from './arm-test-client.ts';

const version = 'api-version=2026-03-02';
const mebibyte = 1024 ** 2;
const group = 'disk-source-tests';
let arm: ArmTestClient;

beforeAll(async () => {
  arm = await startArmTestClient({
    accounts: [{ name: 'northeuropedata', region: 'northeurope' }],
  });
  await arm.resources.resourceGroups.createOrUpdate(group, { location: 'westeurope' });
}, 60_000);
afterAll(() => arm.stop());

function diskPath(name: string, tail = ''): string {
  return `${arm.path(group, 'Microsoft.Compute', `/disks/${name}${tail}`)}?${version}`;
}

describe('a disk made for upload', () => {
  const dataBytes = 24 * mebibyte;

  async function uploadDisk(name: string): Promise<PageBlobClient> {
    const made = await arm.compute.disks.createOrUpdate(
      group,
      name,
      {
        location: 'westeurope',
        creationData: { createOption: 'Upload', uploadSizeBytes: dataBytes + 512 },
      },
      soon,
    );
    expect(made.diskState).toBe('ReadyToUpload');
    const { accessSAS } = await arm.compute.disks.grantAccess(
      group,
      name,
      { access: 'Write', durationInSeconds: 600 },
      soon,
    );
    return new PageBlobClient(String(accessSAS), new AnonymousCredential());
  }

  it('takes pages, is checked at endGetAccess and then is a disk', async () => {
    const pages = await uploadDisk('upload-good');
    expect((await arm.compute.disks.get(group, 'upload-good')).diskState).toBe('ActiveUpload');
    const data = Buffer.alloc(4096, 'x');
    await pages.uploadPages(data, 8192, data.length);
    await pages.uploadPages(createVhdFooter(dataBytes, 'upload-good'), dataBytes, 512);
    await arm.compute.disks.revokeAccess(group, 'upload-good', soon);
    const disk = await arm.compute.disks.get(group, 'upload-good');
    expect(disk).toMatchObject({ diskState: 'Unattached', diskSizeBytes: dataBytes });
    const { accessSAS } = await arm.compute.disks.grantAccess(
      group,
      'upload-good',
      { access: 'Read', durationInSeconds: 600 },
      soon,
    );
    const back = await new PageBlobClient(
      String(accessSAS),
      new AnonymousCredential(),
    ).downloadToBuffer(8192, 4096);
    expect(back.equals(data)).toBe(true);
    await arm.compute.disks.revokeAccess(group, 'upload-good', soon);
  });

  it('stays ActiveUpload with InvalidVhd when it has no footer', async () => {
    await uploadDisk('upload-bad');
    const reply = await arm.raw('POST', diskPath('upload-bad', '/endGetAccess'));
    expect(reply.status).toBe(202);
    const ended = await arm.poll(String(reply.headers['azure-asyncoperation']));
    expect(ended).toMatchObject({ status: 'Failed', error: { code: 'InvalidVhd' } });
    expect((await arm.compute.disks.get(group, 'upload-bad')).diskState).toBe('ActiveUpload');
  });
});

describe('a disk imported from a page blob', () => {
  const dataBytes = 2 * mebibyte;

  async function putVhd(blobName: string, withFooter: boolean): Promise<string> {
    const account = arm.info.accounts.find(({ region }) => region === 'northeurope');
    if (account === undefined) throw new Error('no account in northeurope');
    const service = new BlobServiceClient(
      account.blobEndpoint,
      new StorageSharedKeyCredential(account.name, account.key),
    );
    const container = service.getContainerClient('vhds');
    await container.createIfNotExists();
    const pages = container.getPageBlobClient(blobName);
    await pages.create(dataBytes + 512);
    await pages.uploadPages(Buffer.alloc(4096, 'i'), 0, 4096);
    if (withFooter) await pages.uploadPages(createVhdFooter(dataBytes, blobName), dataBytes, 512);
    return pages.url;
  }

  function importFrom(sourceUri: string, location: string, name: string) {
    return arm.raw('PUT', diskPath(name), {
      location,
      properties: {
        osType: 'Linux',
        creationData: {
          createOption: 'Import',
          sourceUri,
          storageAccountId: arm.path(
            'storage-northeurope',
            'Microsoft.Storage',
            '/storageAccounts/northeuropedata',
          ),
        },
      },
    });
  }

  it('has the content of the blob without its footer', async () => {
    const url = await putVhd('good.vhd', true);
    const reply = await importFrom(url, 'northeurope', 'imported');
    expect(await arm.poll(String(reply.headers['azure-asyncoperation']))).toMatchObject({
      status: 'Succeeded',
      properties: { output: { properties: { diskSizeBytes: dataBytes, osType: 'Linux' } } },
    });
  });

  it.each([
    ['without a footer', 'northeurope', false],
    ['in another region', 'westeurope', true],
  ])('fails in its operation %s, and stays behind as Failed', async (what, location, footer) => {
    const url = await putVhd(`${what.replaceAll(' ', '-')}.vhd`, footer);
    const name = `import-${location}`;
    const reply = await importFrom(url, location, name);
    expect(reply.status).toBe(202);
    expect(await arm.poll(String(reply.headers['azure-asyncoperation']))).toMatchObject({
      status: 'Failed',
      error: { code: 'InvalidParameter' },
    });
    expect((await arm.compute.disks.get(group, name)).provisioningState).toBe('Failed');
  });

  it('needs storageAccountId', async () => {
    const reply = await arm.raw('PUT', diskPath('no-account'), {
      location: 'northeurope',
      properties: { creationData: { createOption: 'Import', sourceUri: 'https://x/y/z' } },
    });
    expect(reply.status).toBe(400);
    expect(reply.body).toMatchObject({ error: { code: 'InvalidParameter' } });
  });
});
