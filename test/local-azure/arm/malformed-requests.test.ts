import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArmTestClient, startArmTestClient } from './arm-test-client.ts';

const disks = 'api-version=2026-03-02';
const machines = 'api-version=2026-04-01';
const networks = 'api-version=2025-05-01';
const groups = 'api-version=2025-04-01';
let arm: ArmTestClient;

beforeAll(async () => {
  arm = await startArmTestClient();
  await arm.resources.resourceGroups.createOrUpdate('rg', { location: 'westeurope' });
}, 60_000);
afterAll(() => arm.stop());

const location = 'westeurope';
const group = '/subscriptions/{id}/resourceGroups/rg';
const compute = `${group}/providers/Microsoft.Compute`;
const network = `${group}/providers/Microsoft.Network`;

describe('a malformed request', () => {
  it.each([
    ['GET', `/subscriptions/%zz/locations?${groups}`, undefined, 404, 'SubscriptionNotFound'],
    ['GET', `/?${groups}`, undefined, 404, 'InvalidResourceType'],
    ['GET', `${group}${'x'.repeat(700)}?${groups}`, undefined, 404, 'InvalidResourceType'],
    ['PUT', `${group}%2Fb?${groups}`, { location }, 400, 'InvalidResourceGroup'],
    ['PUT', `${group}?${groups}`, { location, tags: [1] }, 400, 'InvalidTagValue'],
    ['PUT', `${group}?${groups}`, { location: ['westeurope'] }, 400, 'LocationRequired'],
    ['PUT', `${compute}/disks/d?${disks}`, { location, properties: [] }, 400, 'InvalidParameter'],
    [
      'PUT',
      `${compute}/disks/d?${disks}`,
      { location, properties: { creationData: 'x' } },
      400,
      'InvalidParameter',
    ],
    [
      'PUT',
      `${compute}/disks/d%20x?${disks}`,
      { location, properties: { creationData: { createOption: 'Empty' }, diskSizeGB: 1 } },
      400,
      'InvalidParameter',
    ],
    [
      'PUT',
      `${compute}/snapshots/s?${disks}`,
      { location, properties: { creationData: { createOption: 'Copy', sourceResourceId: 7 } } },
      400,
      'InvalidParameter',
    ],
    ['PUT', `${compute}/virtualMachines/v?${machines}`, { location }, 400, 'InvalidParameter'],
    [
      'PUT',
      `${compute}/virtualMachines/v?${machines}`,
      {
        location,
        properties: { hardwareProfile: { vmSize: 'x' }, storageProfile: { osDisk: null } },
      },
      400,
      'InvalidParameter',
    ],
    ['GET', `${compute}/disks?${disks}&$skiptoken=zzz`, undefined, 400, 'InvalidSkipToken'],
    [
      'GET',
      `/subscriptions/{id}/resources?${groups}&$filter=nonsense`,
      undefined,
      400,
      'InvalidFilterInQueryString',
    ],
    [
      'PUT',
      `${network}/networkInterfaces/n?${networks}`,
      {
        location,
        properties: { ipConfigurations: [{ name: 'x', properties: { subnet: { id: '/x' } } }] },
      },
      400,
      'InvalidResourceReference',
    ],
    [
      'PUT',
      `${network}/virtualNetworks/n?${networks}`,
      {
        location,
        properties: { addressSpace: { addressPrefixes: ['10.0.0.0/8'] }, subnets: [null] },
      },
      400,
      'InvalidParameter',
    ],
    ['POST', `${compute}/disks/none/beginGetAccess?${disks}`, {}, 404, 'ResourceNotFound'],
  ])('%s %s %j is answered with %i %s', async (method, path, body, status, code) => {
    const reply = await arm.raw(method, path.replace('{id}', arm.info.subscriptionId), body);
    expect(reply.status).toBe(status);
    expect(reply.body).toMatchObject({ error: { code, message: expect.any(String) } });
  });
});
