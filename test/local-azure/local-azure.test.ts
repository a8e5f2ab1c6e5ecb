import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { ComputeManagementClient } from '@azure/arm-compute';
import { DefaultAzureCredential } from '@azure/identity';
import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlacedScenario } from './control/scenario-types.ts';
import { createEvidenceClient, type EvidenceClient } from './evidence/evidence-client.ts';
import { createGuestClient, type GuestClient } from './guest/guest-client.ts';
import { type SpawnedLocalAzure, spawnLocalAzure } from './spawn-local-azure.ts';

const group = 'production';
const soon = { updateIntervalInMs: 50 } as const;
let azure: SpawnedLocalAzure;
let compute: ComputeManagementClient;
let guests: GuestClient;
let evidence: EvidenceClient;
let vm: PlacedScenario;
let directory = '';

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'local-azure-test-'));
  azure = await spawnLocalAzure({
    seed: 'composed',
    snapshotLatencyMs: { min: 200, max: 600 },
    operationLatencyMs: { min: 5, max: 20 },
    maxIncrementalSnapshotsPer5Min: 0,
  });
  const ca = readFileSync(azure.info.caFile, 'utf8');
  setDefaultCACertificates([...getCACertificates('default'), ca]);
  process.env['IDENTITY_ENDPOINT'] = azure.info.identityEndpoint;
  process.env['IDENTITY_HEADER'] = azure.info.identities[0]?.header;
  compute = new ComputeManagementClient(new DefaultAzureCredential(), azure.info.subscriptionId, {
    endpoint: azure.info.arm,
    retryOptions: { maxRetries: 0 },
  });
  guests = createGuestClient(azure.info.control);
  evidence = createEvidenceClient(azure.info.control);
  vm = await azure.control.createVm({
    name: 'db-1',
    resourceGroup: group,
    region: 'westeurope',
    osDisk: { sizeMiB: 32, areaMiB: 4, files: { count: 4, totalMiB: 1 } },
    dataDisks: [0, 1, 2].map((lun) => ({
      lun,
      sizeMiB: 32,
      areaMiB: 4,
      files: { count: 4, totalMiB: 1 },
    })),
  });
}, 60_000);
afterAll(async () => {
  await azure.stop();
  rmSync(directory, { recursive: true, force: true });
});

function takeSnapshot(name: string, diskId: string) {
  return compute.snapshots.createOrUpdate(
    group,
    name,
    {
      location: 'westeurope',
      incremental: true,
      creationData: { createOption: 'Copy', sourceResourceId: diskId },
    },
    soon,
  );
}

describe('the program', () => {
  it('says on one line what a client needs, and the same over the control API', async () => {
    expect(azure.info).toMatchObject({
      ready: true,
      arm: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/),
      identityEndpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/msi\/token$/),
      regions: [
        { name: 'westeurope', paired: 'northeurope' },
        { name: 'northeurope', paired: 'westeurope' },
      ],
    });
    expect(azure.info.identities.map(({ name }) => name)).toEqual(['protect', 'restore']);
    expect(await azure.control.info()).toEqual(azure.info);
  });

  it('serves an account by its connection string', async () => {
    const account = azure.info.accounts[1];
    const service = BlobServiceClient.fromConnectionString(account?.connectionString ?? '');
    const container = service.getContainerClient('things');
    await container.create();
    await container.uploadBlockBlob('thing', 'text', 4);
    const page = container.getPageBlobClient('page');
    await page.create(1024);
    const names: string[] = [];
    for await (const blob of container.listBlobsFlat()) names.push(blob.name);
    expect(names).toEqual(['page', 'thing']);
  });
});

describe('snapshots without a freeze', () => {
  it('are fixed at different moments inside their own requests, and tear pairs of writes', async () => {
    await guests.startWriters(vm.vmId);
    const deadline = Date.now() + 10_000;
    while ((await guests.journal(vm.vmId)).slotsWritten < 300) {
      expect(Date.now()).toBeLessThan(deadline);
    }
    const made = await Promise.all(
      vm.disks.map(({ name, diskId }) => takeSnapshot(`loose-${name}`, diskId)),
    );
    const records = await azure.control.snapshots();
    expect(records).toHaveLength(4);
    for (const record of records) {
      expect(record.outcome).toBe('Succeeded');
      expect(record.instantMs).toBeGreaterThanOrEqual(record.acceptedMs);
      expect(record.instantMs).toBeLessThanOrEqual(record.endedMs ?? 0);
    }
    expect(new Set(records.map(({ instantMs }) => instantMs)).size).toBe(4);
    const torn = await evidence.tornPairs(
      vm.vmId,
      made.map((snapshot, index) => ({
        lun: vm.disks[index]?.lun ?? 0,
        source: { snapshotId: String(snapshot.id) },
      })),
    );
    expect(torn.torn).toBeGreaterThan(0);
    await guests.stopWriters(vm.vmId);
  });

  it('agree when the writers rest', async () => {
    const made = await Promise.all(
      vm.disks.map(({ name, diskId }) => takeSnapshot(`quiet-${name}`, diskId)),
    );
    const sources = made.map((snapshot, index) => ({
      lun: vm.disks[index]?.lun ?? 0,
      source: { snapshotId: String(snapshot.id) },
    }));
    const torn = await evidence.tornPairs(vm.vmId, sources);
    expect(torn.pairsChecked).toBeGreaterThan(0);
    expect(torn.torn).toBe(0);
    const { lastOrder } = await guests.journal(vm.vmId);
    const compared = await evidence.compare(vm.vmId, sources, { order: lastOrder });
    expect(compared.pagesDifferent).toBe(0);
  });
});

describe('what was planted', () => {
  it('is found as a difference to the baseline: snapshot and grant', async () => {
    await azure.control.takeBaseline('clean');
    expect(await azure.control.differenceSince('clean')).toEqual({ added: [], removed: [] });
    const { snapshotId } = await azure.control.plantSnapshot({
      diskId: vm.disks[0]?.diskId ?? '',
      name: 'leaked',
      tags: { lockstep: 'leak' },
    });
    await azure.control.plantGrant(snapshotId);
    const { added } = await azure.control.differenceSince('clean');
    expect(added.map(({ kind }) => kind).sort()).toEqual(['resource', 'sas-grant']);
    expect(added.find(({ kind }) => kind === 'resource')?.tags).toEqual({ lockstep: 'leak' });
    await compute.snapshots.revokeAccess(group, 'leaked', soon);
    await compute.snapshots.delete(group, 'leaked', soon);
    expect(await azure.control.differenceSince('clean')).toEqual({ added: [], removed: [] });
  });

  it('is found in files: a secret that counts as issued', async () => {
    const { value } = await azure.control.plantSecret();
    writeFileSync(join(directory, 'innocent.log'), `nothing\n`);
    const options = { directories: [directory], issued: true };
    expect((await evidence.searchSecrets(options)).hits).toHaveLength(0);
    writeFileSync(join(directory, 'leak.log'), `url?sig=${encodeURIComponent(value)}\n`);
    expect((await evidence.searchSecrets(options)).hits.length).toBeGreaterThan(0);
    rmSync(join(directory, 'leak.log'));
  });
});

describe('control calls', () => {
  it.each([
    ['/vms', { name: 'x' }, 400],
    ['/vms', { name: 'x', resourceGroup: 'g', region: 'mars', osDisk: { sizeMiB: 16 } }, 400],
    ['/faults', { match: { nth: 0 }, action: { status: 500 } }, 400],
    ['/faults', { match: { colour: 'red' }, action: { status: 500 } }, 400],
    ['/regions/mars/off', {}, 400],
    ['/plants/snapshot', { diskId: '/none', name: 'x' }, 404],
    ['/nothing', {}, 404],
  ])('refuse %s %j with %i and a reason', async (path, body, status) => {
    await expect(azure.control.call('POST', path, body)).rejects.toMatchObject({
      status,
      message: expect.stringMatching(/\w+/),
    });
  });

  it('log and count requests by operation, and fail one on demand', async () => {
    await azure.control.clearRequests();
    await azure.control.addFault(
      { service: 'arm', operation: 'disks.get', nth: 2 },
      { status: 429, code: 'OperationNotAllowed', headers: { 'retry-after': '7' } },
    );
    await compute.disks.get(group, 'db-1-os');
    await expect(compute.disks.get(group, 'db-1-os')).rejects.toMatchObject({ statusCode: 429 });
    await expect
      .poll(() => azure.control.countRequests({ service: 'arm' }))
      .toMatchObject({ requests: 2, byOperation: { 'arm disks.get': 2 }, byStatus: { '429': 1 } });
    const [first] = await azure.control.requests({ operation: 'disks.get' });
    expect(first).toMatchObject({
      region: 'westeurope',
      method: 'GET',
      status: 200,
      identity: 'protect',
    });
    await azure.control.clearFaults();
  });
});

describe('a region that is off', () => {
  it.each(['503', 'hangup'] as const)('is gone, and the other is not (%s)', async (answer) => {
    const [west, north] = azure.info.accounts;
    await azure.control.turnRegionOff('westeurope', answer);
    const refusal = compute.disks.get(group, 'db-1-os');
    if (answer === '503') {
      await expect(refusal).rejects.toMatchObject({
        statusCode: 503,
        code: 'ServiceUnavailable',
      });
    } else {
      await expect(refusal).rejects.toThrow();
    }
    const names: string[] = [];
    for await (const disk of compute.disks.list()) names.push(String(disk.name));
    expect(names).not.toContain('db-1-os');
    const reach = (connection: string | undefined) =>
      BlobServiceClient.fromConnectionString(connection ?? '', {
        retryOptions: { maxTries: 1 },
      }).getAccountInfo();
    await expect(reach(west?.connectionString)).rejects.toThrow();
    await reach(north?.connectionString);
    await expect(
      compute.disks.createOrUpdate(
        group,
        'in-dead-group',
        {
          location: 'northeurope',
          diskSizeGB: 1,
          creationData: { createOption: 'Empty' },
        },
        soon,
      ),
    ).rejects.toThrow();
    await azure.control.createNetwork({
      name: 'dr',
      resourceGroup: 'dr',
      region: 'northeurope',
    });
    const disk = await compute.disks.createOrUpdate(
      'dr',
      `alive-${answer}`,
      { location: 'northeurope', diskSizeGB: 1, creationData: { createOption: 'Empty' } },
      soon,
    );
    expect(disk.provisioningState).toBe('Succeeded');
    await azure.control.turnRegionOn('westeurope');
    expect((await compute.disks.get(group, 'db-1-os')).name).toBe('db-1-os');
  });
});
