import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPageStore } from '../pages/page-store.ts';
import { type StorageFixture, startStorage } from '../storage/storage-fixture.ts';
import { openBlobCloudEnd, signBlobUrl } from './cloud-end.ts';
import { createGuestAgent, type SimulatedGuests } from './create-guest-agent.ts';
import { SCRIPT, VM_ID, waitUntil } from './session-rig.ts';

let fixture: StorageFixture;
let service: BlobServiceClient;
let guests: SimulatedGuests;

beforeAll(async () => {
  fixture = await startStorage();
  service = new BlobServiceClient(fixture.account.blobEndpoint, fixture.credential);
  const store = createPageStore(64 * 4096);
  guests = createGuestAgent({
    certificatePem: fixture.certificatePem,
    pollMs: 20,
    compute: { vmDisks: () => [{ lun: -1, diskId: 'os' }], diskStore: () => store },
  });
  await guests.createGuest({
    vmId: VM_ID,
    disks: [{ lun: -1, area: [{ start: 4096, end: 33 * 4096 }] }],
  });
}, 60_000);

afterAll(async () => {
  await guests.close();
  await fixture.stop();
});

function run(session: string, toGuestUrl: string, fromGuestUrl: string) {
  return guests.runCommand({
    vmId: VM_ID,
    name: `lockstep-${session}`,
    script: SCRIPT,
    parameters: { LOCKSTEP_SESSION: session },
    protectedParameters: {
      LOCKSTEP_TO_GUEST_URL: toGuestUrl,
      LOCKSTEP_FROM_GUEST_URL: fromGuestUrl,
    },
    timeoutSeconds: 60,
  });
}

describe('a guest session over the storage of the local Azure', () => {
  it('runs from hello to done with SAS URLs of append blobs', async () => {
    const cloud = await openBlobCloudEnd(service, `s-${'ab'.repeat(16)}`);
    guests.guest(VM_ID).startWriters(200);
    const running = run(cloud.session, cloud.toGuestUrl, cloud.fromGuestUrl);
    await cloud.hear('hello');
    await cloud.say({ type: 'go', deadlineMs: 10_000 });
    await cloud.hear('frozen');
    const frozenOrder = guests.journal.lastOrder;
    await cloud.say({ type: 'release' });
    expect(await cloud.hear('thawed')).toMatchObject({ cause: 'released', mounts: [{ ok: true }] });
    expect(await running.finished).toMatchObject({ exitCode: 0, error: '' });
    expect(await cloud.types()).toEqual(['hello', 'frozen', 'thawed', 'done']);
    expect(guests.freezes.find(cloud.session)).toMatchObject({ frozenOrder, cause: 'released' });
    await waitUntil(() => guests.journal.lastOrder > frozenOrder, 'writes after the thaw');
    expect(guests.freezes.find(cloud.session)?.blockedWrites).toBe(1);
    expect(fixture.failures).toEqual([]);
  });

  it('ends when its SAS may not append', async () => {
    const session = `s-${'cd'.repeat(16)}`;
    const cloud = await openBlobCloudEnd(service, session);
    const blob = service
      .getContainerClient('guest-sessions')
      .getAppendBlobClient(`${session}/from-guest`);
    const running = run(session, cloud.toGuestUrl, await signBlobUrl(service, blob, 'r'));
    expect(await running.finished).toMatchObject({ exitCode: 1 });
    expect(guests.sessions.at(-1)?.problems[0]).toContain('append was refused with 403');
  });
});
