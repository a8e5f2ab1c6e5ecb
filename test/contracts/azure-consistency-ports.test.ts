import { AnonymousCredential, AppendBlobClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coerceAzureError } from '../../lib/azure/arm-errors.ts';
import { createArmSnapshotStore } from '../../lib/azure/arm-snapshot-store.ts';
import { createArmVmInventory } from '../../lib/azure/arm-vm-inventory.ts';
import { createBlobGuestChannel } from '../../lib/azure/blob-guest-channel.ts';
import { createRealClock } from '../../lib/azure/real-clock.ts';
import { createRunCommandGuest } from '../../lib/azure/run-command-guest.ts';
import { signSessionUrls } from '../../lib/azure/session-urls.ts';
import { SESSION_CONTAINER } from '../../lib/catalog/storage-layout.ts';
import { type AzureStand, SNAPSHOT_GROUP, startAzureStand } from './azure-stand.ts';
import { describeGuestChannel } from './guest-channel.contract.ts';
import { loadGuestHelper } from './load-guest-helper.ts';
import { describeSnapshotStore } from './snapshot-store.contract.ts';

const appendBlob = (url: string): AppendBlobClient =>
  new AppendBlobClient(url, new AnonymousCredential());

let stand: AzureStand;
let vmId = '';
const clock = createRealClock();

beforeAll(async () => {
  stand = await startAzureStand({
    seed: 'ports',
    snapshotLatencyMs: { min: 150, max: 300 },
    runCommandLatencyMs: { min: 20, max: 60 },
    operationLatencyMs: { min: 10, max: 40 },
    sendRetryAfter: false,
    maxIncrementalSnapshotsPer5Min: 0,
  });
  const disk = { sizeMiB: 16, files: { count: 1, totalMiB: 1 }, areaMiB: 1 };
  const placed = await stand.azure.control.createVm({
    name: 'db-1',
    resourceGroup: 'rg-app',
    region: 'westeurope',
    osDisk: disk,
  });
  vmId = placed.vmId;
});
afterAll(() => stand?.stop());

const storeOf = () =>
  createArmSnapshotStore({ clients: stand.clients, resourceGroup: SNAPSHOT_GROUP });
const osDisk = async () => {
  const [disk] = (await createArmVmInventory(stand.clients).readDisks(vmId)) ?? [];
  if (disk === undefined) throw new Error('no disk');
  return disk;
};

describeSnapshotStore('Azure Resource Manager', async () => {
  const { diskId, diskUniqueId } = await osDisk();
  return { store: storeOf(), clock, diskId, diskUniqueId, region: 'westeurope' };
});

describeGuestChannel('append blobs', async () => ({
  channel: createBlobGuestChannel(stand.clients, stand.blobEndpoint),
  // With nothing but the URL that a guest is given.
  async guestAppend(sessionId, text) {
    const { clients, blobEndpoint: sessionBlobEndpoint } = stand;
    const urls = await signSessionUrls({ clients, sessionBlobEndpoint, clock }, sessionId, 60_000);
    await appendBlob(urls.fromGuest).appendBlock(text, Buffer.byteLength(text));
  },
}));

describe('the snapshot store on Azure', () => {
  it('removes a snapshot that somebody still reads', async () => {
    const store = storeOf();
    const { diskId } = await osDisk();
    const { snapshotId } = await stand.azure.control.plantSnapshot({ diskId, name: 'read-on' });
    await stand.azure.control.plantGrant(snapshotId);
    await store.remove(snapshotId);
    expect(await store.get(snapshotId)).toBeUndefined();
  });

  it('refuses a disk that is not there', async () => {
    const { diskId } = await osDisk();
    const order = { name: 'ls-none', diskId: `${diskId}-none`, region: 'westeurope', tags: {} };
    expect(await storeOf().begin(order)).toMatchObject({ ok: false, errorCode: 'SnapshotRefused' });
  });

  it('reports the code of a snapshot that failed after it was accepted', async () => {
    const { diskId } = await osDisk();
    await stand.azure.control.addFault(
      { operation: 'snapshots.createOrUpdate' },
      { asyncFailure: { code: 'InternalExecutionError', message: 'it broke' } },
    );
    const order = { name: 'ls-broken', diskId, region: 'westeurope', tags: {} };
    const begun = await storeOf().begin(order);
    if (!begun.ok) throw new Error(begun.message);
    let progress = await storeOf().poll(begun.value);
    for (let tries = 0; progress.state === 'running' && tries < 100; tries += 1) {
      await clock.sleep(50);
      progress = await storeOf().poll(begun.value);
    }
    expect(progress).toMatchObject({ state: 'failed', errorCode: 'InternalExecutionError' });
    // A failed snapshot is a resource that must be removed.
    await storeOf().remove(begun.value.snapshotId);
  });

  it('never sends its token to a host that an answer names', async () => {
    const foreign = { snapshotId: storeOf().idOf('x'), pollingUrl: 'https://evil.example/op' };
    await expect(storeOf().poll(foreign)).rejects.toMatchObject({ errorCode: 'ForeignPollingUrl' });
  });
});

describe('the clients', () => {
  it('give the code of a failed long-running operation, and not the SDK’s bare error', async () => {
    const { diskId } = await osDisk();
    await stand.azure.control.addFault(
      { operation: 'disks.createOrUpdate' },
      { asyncFailure: { code: 'InvalidParameter', message: 'cannot be resized down' } },
    );
    const error = await stand.clients.compute.disks
      .createOrUpdate(
        SNAPSHOT_GROUP,
        'broken',
        {
          location: 'westeurope',
          creationData: { createOption: 'Copy', sourceResourceId: diskId },
        },
        { updateIntervalInMs: 20 },
      )
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(coerceAzureError(error)).toMatchObject({
      kind: 'refused',
      code: 'InvalidParameter',
      message: 'cannot be resized down',
    });
    await stand.azure.control.clearFaults();
  });

  it('do not sleep through a long Retry-After, and try a short one again', async () => {
    const throttle = (seconds: number) =>
      stand.azure.control.addFault(
        { operation: 'virtualMachines.get' },
        { status: 429, code: 'TooManyRequests', headers: { 'retry-after': String(seconds) } },
      );
    await throttle(600);
    const startedMs = Date.now();
    await expect(createArmVmInventory(stand.clients).readVm(vmId)).rejects.toMatchObject({
      errorCode: 'Throttled',
      retryAfterMs: 600_000,
    });
    expect(Date.now() - startedMs).toBeLessThan(1_500);
    await throttle(1);
    expect(await createArmVmInventory(stand.clients).readVm(vmId)).toBeDefined();
  });
});

describe('the run command', () => {
  it('hides its URLs, carries the tags, tells its end, and goes away', async () => {
    const { clients, blobEndpoint: sessionBlobEndpoint } = stand;
    const commands = createRunCommandGuest({ clients, sessionBlobEndpoint, clock });
    await stand.guests.setBehaviour(vmId, { cannotStart: { exitCode: 127, error: 'no python' } });
    const sessionId = `s-${'5'.repeat(32)}`;
    const order = {
      vmId,
      region: 'westeurope',
      sessionId,
      helperSource: loadGuestHelper(),
      helloTimeoutMs: 5_000,
      timeLimitMs: 60_000,
      tags: { team: 'contract' },
    };
    expect(await commands.start(order)).toMatchObject({ ok: true });
    const id = commands.idOf(vmId, sessionId);
    let state = await commands.readState(id);
    for (let tries = 0; state?.execution !== 'failed' && tries < 100; tries += 1) {
      await clock.sleep(50);
      state = await commands.readState(id);
    }
    expect(state).toMatchObject({ execution: 'failed', exitCode: 127 });
    expect(state?.output).toContain('no python');
    expect(await commands.readTags(id)).toEqual({ team: 'contract' });
    const raw = await clients.armRequests.send('GET', `${id}?api-version=2026-04-01`);
    expect(JSON.stringify(raw.body)).not.toContain('sig=');
    expect(JSON.stringify(raw.body)).not.toContain('_GUEST_URL"');
    await commands.remove(id);
    await commands.remove(id);
    expect(await commands.readState(id)).toBeUndefined();
    expect(await commands.readTags(id)).toBeUndefined();
  });

  it('gives URLs that open one blob each and no more than a guest needs', async () => {
    const { clients, blobEndpoint: sessionBlobEndpoint } = stand;
    const sessionId = `s-${'6'.repeat(32)}`;
    await createBlobGuestChannel(clients, sessionBlobEndpoint).open(sessionId);
    const urls = await signSessionUrls({ clients, sessionBlobEndpoint, clock }, sessionId, 60_000);
    const query = new URL(urls.toGuest).searchParams;
    expect([query.get('sp'), query.get('spr'), query.get('sr')]).toEqual(['r', 'https', 'b']);
    expect(new URL(urls.fromGuest).searchParams.get('sp')).toBe('ra');
    expect(new URL(urls.toGuest).pathname).toContain(`${SESSION_CONTAINER}/${sessionId}/to-guest`);
    await expect(appendBlob(urls.toGuest).appendBlock('x', 1)).rejects.toMatchObject({
      statusCode: 403,
    });
    await expect(appendBlob(urls.fromGuest).delete()).rejects.toMatchObject({
      statusCode: 403,
    });
  });
});
