import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArmTestClient, soon, startArmTestClient } from './arm-test-client.ts';

const version = 'api-version=2026-03-02';
let arm: ArmTestClient;
let group = '';

beforeAll(async () => {
  arm = await startArmTestClient({ pageSize: 2, operationLatencyMs: { min: 60, max: 80 } });
  group = 'disk-tests';
  await arm.resources.resourceGroups.createOrUpdate(group, { location: 'westeurope' });
}, 60_000);
afterAll(() => arm.stop());

function emptyDisk(name: string, sizeGb = 1) {
  return arm.compute.disks.createOrUpdate(
    group,
    name,
    {
      location: 'westeurope',
      diskSizeGB: sizeGb,
      creationData: { createOption: 'Empty' },
      sku: { name: 'Premium_LRS' },
      tags: { purpose: 'test' },
    },
    soon,
  );
}

function diskPath(name: string, tail = ''): string {
  return `${arm.path(group, 'Microsoft.Compute', `/disks/${name}${tail}`)}?${version}`;
}

describe('PUT of a disk', () => {
  it('is accepted with 202, a partial body and both polling URLs', async () => {
    const reply = await arm.raw('PUT', diskPath('wire'), {
      location: 'westeurope',
      tags: {},
      properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 1 },
    });
    expect(reply.status).toBe(202);
    expect(reply.body).toEqual({
      name: 'wire',
      location: 'westeurope',
      tags: {},
      properties: {
        creationData: { createOption: 'Empty' },
        diskSizeGB: 1,
        provisioningState: 'Updating',
        isArmResource: true,
      },
    });
    expect(reply.headers['retry-after']).toBe('2');
    const asyncUrl = String(reply.headers['azure-asyncoperation']);
    expect(asyncUrl).toMatch(
      /\/providers\/Microsoft\.Compute\/locations\/westeurope\/DiskOperations\/[0-9a-f-]{36}\?p=[0-9a-f-]{36}&api-version=/,
    );
    expect(asyncUrl).not.toContain('2026-03-02');
    expect(String(reply.headers['location'])).toContain('monitor=true');
    const ended = await arm.poll(asyncUrl);
    expect(ended).toMatchObject({
      status: 'Succeeded',
      properties: { output: { name: 'wire', type: 'Microsoft.Compute/disks' } },
    });
    expect(ended['endTime']).toBeTypeOf('string');
  });

  it('shows the disk as Updating until the operation has ended', async () => {
    const accepted = await arm.raw('PUT', diskPath('slow'), {
      location: 'westeurope',
      properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 1 },
    });
    const meanwhile = await arm.raw('GET', diskPath('slow'));
    expect(meanwhile.body).toMatchObject({ properties: { provisioningState: 'Updating' } });
    await arm.poll(String(accepted.headers['azure-asyncoperation']));
    const after = await arm.raw('GET', diskPath('slow'));
    expect(after.body).toMatchObject({ properties: { provisioningState: 'Succeeded' } });
  });

  it('refuses a polling URL that was rebuilt rather than used as it came', async () => {
    const reply = await arm.raw('PUT', diskPath('rebuilt'), {
      location: 'westeurope',
      properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 1 },
    });
    const url = new URL(String(reply.headers['azure-asyncoperation']));
    await arm.poll(url.href);
    url.searchParams.delete('s');
    expect((await arm.raw('GET', url.href)).status).toBe(404);
  });

  it.each([
    [
      { properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 1 } },
      'LocationRequired',
    ],
    [{ location: 'mars', properties: {} }, 'LocationNotAvailableForResourceType'],
    [{ location: 'westeurope', properties: {} }, 'InvalidParameter'],
    [
      { location: 'westeurope', properties: { creationData: { createOption: 'Empty' } } },
      'InvalidParameter',
    ],
    [
      {
        location: 'westeurope',
        properties: { creationData: { createOption: 'Upload', uploadSizeBytes: 1000 } },
      },
      'InvalidParameter',
    ],
    [
      {
        location: 'westeurope',
        sku: { name: 'Gold' },
        properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 1 },
      },
      'InvalidParameter',
    ],
  ])('refuses the body %j with 400 %s', async (body, code) => {
    const reply = await arm.raw('PUT', diskPath('refused'), body);
    expect(reply.status).toBe(400);
    expect(reply.body).toMatchObject({ error: { code } });
  });

  it('refuses a copy of what is missing or elsewhere with 404 NotFound', async () => {
    const reply = await arm.raw('PUT', diskPath('lost'), {
      location: 'northeurope',
      properties: {
        creationData: {
          createOption: 'Copy',
          sourceResourceId: arm.path(group, 'Microsoft.Compute', '/snapshots/none'),
        },
      },
    });
    expect(reply.status).toBe(404);
    expect(reply.body).toEqual({
      error: { code: 'NotFound', message: 'Resource none is not found.' },
    });
  });
});

describe('the SDK', () => {
  it('creates, reads, lists over pages, updates and deletes disks', async () => {
    const made = await emptyDisk('sdk-a');
    expect(made).toMatchObject({
      name: 'sdk-a',
      diskState: 'Unattached',
      diskSizeGB: 1,
      diskSizeBytes: 1024 ** 3,
      sku: { name: 'Premium_LRS', tier: 'Premium' },
      tags: { purpose: 'test' },
    });
    expect(made.uniqueId).toMatch(/^[0-9a-f-]{36}$/);
    await Promise.all(['sdk-b', 'sdk-c', 'sdk-d'].map((name) => emptyDisk(name)));
    const names: string[] = [];
    for await (const disk of arm.compute.disks.listByResourceGroup(group.toUpperCase())) {
      names.push(String(disk.name));
    }
    expect(names).toEqual(expect.arrayContaining(['sdk-a', 'sdk-b', 'sdk-c', 'sdk-d']));
    expect(new Set(names).size).toBe(names.length);
    const updated = await arm.compute.disks.update(
      group,
      'SDK-A',
      { tags: { purpose: 'changed' }, diskSizeGB: 2 },
      soon,
    );
    expect(updated).toMatchObject({ tags: { purpose: 'changed' }, diskSizeGB: 2 });
    await arm.compute.disks.delete(group, 'sdk-a', soon);
    await expect(arm.compute.disks.get(group, 'sdk-a')).rejects.toMatchObject({
      statusCode: 404,
      code: 'ResourceNotFound',
    });
    expect((await arm.raw('DELETE', diskPath('sdk-a'))).status).toBe(204);
  });

  it('sees a disk that cannot shrink fail in its operation, with HTTP 200', async () => {
    await emptyDisk('big', 2);
    const reply = await arm.raw('PATCH', diskPath('big'), { properties: { diskSizeGB: 1 } });
    const ended = await arm.poll(String(reply.headers['azure-asyncoperation']));
    expect(ended).toMatchObject({
      status: 'Failed',
      error: {
        code: 'InvalidParameter',
        message: 'Disks or snapshot cannot be resized down.',
      },
    });
    await expect(arm.compute.disks.update(group, 'big', { diskSizeGB: 1 }, soon)).rejects.toThrow();
  });
});

describe('a lock', () => {
  it('stops deletion with 409 ScopeLocked', async () => {
    await emptyDisk('locked');
    const scope = arm.path(group, 'Microsoft.Compute', '/disks/locked');
    await arm.control.setLock(scope, true);
    await expect(arm.compute.disks.delete(group, 'locked', soon)).rejects.toMatchObject({
      statusCode: 409,
      code: 'ScopeLocked',
    });
    await arm.control.setLock(scope, false);
    await arm.compute.disks.delete(group, 'locked', soon);
  });
});
