import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArmTestClient, soon, startArmTestClient } from './arm-test-client.ts';

const group = 'general-tests';
const networkVersion = '2025-05-01';
let arm: ArmTestClient;
let subnetId = '';

beforeAll(async () => {
  arm = await startArmTestClient({
    pageSize: 2,
    accounts: [{ name: 'westeuropedata', region: 'westeurope' }],
  });
  ({ subnetId } = await arm.control.createNetwork({
    name: 'base',
    resourceGroup: group,
    region: 'westeurope',
  }));
}, 60_000);
afterAll(() => arm.stop());

function diskPath(query: string): string {
  return `${arm.path(group, 'Microsoft.Compute', '/disks/none')}${query}`;
}

describe('every call', () => {
  it.each([
    [null, 'AuthenticationFailed'],
    ['forged', 'InvalidAuthenticationToken'],
  ])('needs a token: %s gives 401 with a challenge', async (identity, code) => {
    if (identity === null) {
      const reply = await arm.raw('GET', diskPath('?api-version=2026-03-02'), undefined, null);
      expect(reply.status).toBe(401);
      expect(reply.headers['www-authenticate']).toContain('Bearer authorization_uri=');
      expect(reply.body).toMatchObject({ error: { code } });
      return;
    }
    const { token } = await arm.control.issueToken('protect', 'https://management.azure.com');
    const [header, , signature] = token.split('.');
    const claims = Buffer.from(JSON.stringify({ aud: 'https://management.azure.com' }));
    const forged = `${header}.${claims.toString('base64url')}.${signature}`;
    const response = await fetch(`${arm.info.arm}${diskPath('?api-version=2026-03-02')}`, {
      headers: { authorization: `Bearer ${forged}` },
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code } });
  });

  it('refuses a token for storage', async () => {
    const { token } = await arm.control.issueToken('protect', 'https://storage.azure.com');
    const response = await fetch(`${arm.info.arm}${diskPath('?api-version=2026-03-02')}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({
      error: { code: 'InvalidAuthenticationTokenAudience' },
    });
  });

  it('needs an api-version that the type has', async () => {
    const missing = await arm.raw('GET', diskPath(''));
    expect(missing.status).toBe(400);
    expect(missing.body).toMatchObject({ error: { code: 'MissingApiVersionParameter' } });
    const other = await arm.raw('GET', diskPath('?api-version=2026-04-01'));
    expect(other.status).toBe(400);
    expect(other.body).toMatchObject({
      error: {
        code: 'NoRegisteredProviderFound',
        message: expect.stringContaining("for type 'disks'"),
      },
    });
    const nonsense = await arm.raw('GET', diskPath('?api-version=newest'));
    expect(nonsense.body).toMatchObject({ error: { code: 'InvalidApiVersionParameter' } });
  });

  it('tells a missing group from a missing resource', async () => {
    expect((await arm.raw('GET', diskPath('?api-version=2026-03-02'))).body).toEqual({
      error: {
        code: 'ResourceNotFound',
        message: `The Resource 'Microsoft.Compute/disks/none' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
      },
    });
    const nowhere = `${arm.path('nowhere', 'Microsoft.Compute', '/disks/none')}?api-version=2026-03-02`;
    for (const method of ['GET', 'DELETE', 'PUT']) {
      const reply = await arm.raw(method, nowhere, method === 'PUT' ? {} : undefined);
      expect(reply.status).toBe(404);
      expect(reply.body).toEqual({
        error: {
          code: 'ResourceGroupNotFound',
          message: "Resource group 'nowhere' could not be found.",
        },
      });
      expect(reply.headers['x-ms-failure-cause']).toBe('gateway');
    }
  });

  it('refuses what is no JSON, another subscription, an unknown type and a wrong method', async () => {
    const { token } = await arm.control.issueToken('protect', 'https://management.azure.com');
    const broken = await fetch(`${arm.info.arm}${diskPath('?api-version=2026-03-02')}`, {
      method: 'PUT',
      body: '{',
      headers: { authorization: `Bearer ${token}` },
    });
    expect(broken.status).toBe(400);
    expect(await broken.json()).toMatchObject({ error: { code: 'InvalidRequestContent' } });
    const path = diskPath('?api-version=2026-03-02');
    const other = path.replace(arm.info.subscriptionId, '00000000-0000-4000-8000-000000000000');
    expect((await arm.raw('GET', other)).body).toMatchObject({
      error: { code: 'SubscriptionNotFound' },
    });
    expect((await arm.raw('GET', path.replace('/disks/', '/galleries/'))).body).toMatchObject({
      error: { code: 'InvalidResourceType' },
    });
    expect((await arm.raw('POST', path)).status).toBe(405);
  });

  it('refuses an identity what was denied to it, and only that', async () => {
    await arm.control.setDenials([{ identity: 'restore', operation: 'snapshots\\..*' }]);
    const path = `${arm.path(group, 'Microsoft.Compute', '/snapshots')}?api-version=2026-03-02`;
    const denied = await arm.raw('GET', path, undefined, 'restore');
    expect(denied.status).toBe(403);
    expect(denied.body).toMatchObject({ error: { code: 'AuthorizationFailed' } });
    expect((await arm.raw('GET', path, undefined, 'protect')).status).toBe(200);
    expect(
      (await arm.raw('GET', path.replace('snapshots', 'disks'), undefined, 'restore')).status,
    ).toBe(200);
    await arm.control.setDenials([]);
  });
});

describe('subscription', () => {
  it('lists its locations with their pairs', async () => {
    const pairs: Record<string, string | undefined> = {};
    const list = arm.subscriptions.subscriptions.listLocations(arm.info.subscriptionId);
    for await (const location of list) {
      pairs[String(location.name)] = location.metadata?.pairedRegion?.[0]?.name;
    }
    expect(pairs).toEqual({ westeurope: 'northeurope', northeurope: 'westeurope' });
  });

  it('makes, finds and lists resource groups', async () => {
    const { resourceGroups } = arm.resources;
    const made = await resourceGroups.createOrUpdate('Made', {
      location: 'North Europe',
      tags: { a: 'b' },
    });
    expect(made).toMatchObject({ name: 'Made', location: 'northeurope', tags: { a: 'b' } });
    expect((await resourceGroups.get('MADE')).id).toBe(made.id);
    expect((await resourceGroups.checkExistence('made')).body).toBe(true);
    expect((await resourceGroups.checkExistence('missing')).body).toBe(false);
    await expect(
      resourceGroups.createOrUpdate('made', { location: 'westeurope' }),
    ).rejects.toMatchObject({ statusCode: 409, code: 'InvalidResourceGroupLocation' });
    const names: string[] = [];
    for await (const found of resourceGroups.list()) names.push(String(found.name));
    expect(names).toEqual(expect.arrayContaining(['Made', group]));
  });

  it('shows storage accounts, lists resources by tag and changes tags at a scope', async () => {
    const id = arm.path(
      'storage-westeurope',
      'Microsoft.Storage',
      '/storageAccounts/westeuropedata',
    );
    const account = await arm.raw('GET', `${id}?api-version=2025-01-01`);
    expect(account.body).toMatchObject({
      location: 'westeurope',
      properties: { primaryEndpoints: { blob: expect.stringContaining('https://127.0.0.1') } },
    });
    await arm.resources.tagsOperations.updateAtScope(
      id.slice(1),
      { operation: 'Merge', properties: { tags: { wanted: 'yes' } } },
      soon,
    );
    const found: string[] = [];
    const filter = "tagName eq 'wanted' and tagValue eq 'yes'";
    for await (const resource of arm.resources.resources.list({ filter })) {
      found.push(String(resource.name));
    }
    expect(found).toEqual(['westeuropedata']);
  });
});

describe('network', () => {
  function nicId(name: string): string {
    return arm.path(group, 'Microsoft.Network', `/networkInterfaces/${name}`);
  }

  function putNic(name: string, configuration: object, location = 'westeurope') {
    return arm.raw('PUT', `${nicId(name)}?api-version=${networkVersion}`, {
      location,
      properties: {
        ipConfigurations: [
          { name: 'one', properties: { subnet: { id: subnetId }, ...configuration } },
        ],
      },
    });
  }

  it('makes a NIC with an address of its subnet, by an operation', async () => {
    const reply = await putNic('dynamic', {});
    expect(reply.status).toBe(201);
    expect(reply.body).toMatchObject({ properties: { provisioningState: 'Updating' } });
    expect(await arm.poll(String(reply.headers['azure-asyncoperation']))).toMatchObject({
      status: 'Succeeded',
    });
    const nic = await arm.raw('GET', `${nicId('dynamic')}?api-version=${networkVersion}`);
    expect(nic.body).toMatchObject({
      properties: {
        provisioningState: 'Succeeded',
        macAddress: expect.stringMatching(/^00-0D-3A-/),
        ipConfigurations: [
          {
            id: `${nicId('dynamic')}/ipConfigurations/one`,
            properties: {
              privateIPAddress: '10.1.0.4',
              privateIPAllocationMethod: 'Dynamic',
              primary: true,
            },
          },
        ],
      },
    });
  });

  it('refuses a static address that is taken, a subnet that is missing and another region', async () => {
    const fixed = { privateIPAllocationMethod: 'Static', privateIPAddress: '10.1.0.77' };
    expect((await putNic('fixed', fixed)).status).toBe(201);
    expect((await putNic('second', fixed)).body).toMatchObject({
      error: { code: 'PrivateIPAddressInUse' },
    });
    expect((await putNic('third', { subnet: { id: `${subnetId}x` } })).body).toMatchObject({
      error: { code: 'InvalidResourceReference' },
    });
    expect((await putNic('fourth', {}, 'northeurope')).body).toMatchObject({
      error: { code: 'InvalidResourceReference' },
    });
  });

  it('reads a subnet, and keeps a network that is in use', async () => {
    const subnet = await arm.raw('GET', `${subnetId}?api-version=${networkVersion}`);
    expect(subnet.body).toMatchObject({ properties: { addressPrefix: '10.1.0.0/24' } });
    await putNic('user', {});
    const networkId = subnetId.slice(0, subnetId.indexOf('/subnets/'));
    const refused = await arm.raw('DELETE', `${networkId}?api-version=${networkVersion}`);
    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject({ error: { code: 'InUseSubnetCannotBeDeleted' } });
  });

  it('deletes a NIC through the generic client', async () => {
    await putNic('temporary', {});
    await arm.resources.resources.deleteById(nicId('temporary').slice(1), networkVersion, soon);
    const gone = await arm.raw('GET', `${nicId('temporary')}?api-version=${networkVersion}`);
    expect(gone.status).toBe(404);
  });
});
