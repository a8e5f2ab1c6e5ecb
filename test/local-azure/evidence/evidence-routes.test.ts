import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PageImage, PageStore } from '../contracts.ts';
import { type ControlServer, createControlServer } from '../control/control-server.ts';
import { createGuestAgent, type SimulatedGuests } from '../guest/create-guest-agent.ts';
import { createGuestClient, type GuestClient } from '../guest/guest-client.ts';
import { registerGuestRoutes } from '../guest/guest-routes.ts';
import { waitUntil } from '../guest/session-rig.ts';
import { createDiskImage, type DiskImage } from '../images/create-disk-image.ts';
import { checkFileSystem } from '../images/inspect-image.ts';
import { loadImage } from '../images/transfer-image.ts';
import { createPageStore } from '../pages/page-store.ts';
import { createEvidenceClient, type EvidenceClient } from './evidence-client.ts';
import { registerEvidenceRoutes } from './evidence-routes.ts';

const VM_ID =
  '/subscriptions/1/resourceGroups/app/providers/Microsoft.Compute/virtualMachines/db-1';
const DISK_COUNT = 3;
const SECRET = 'sig+value/of-the+run==';

let directory: string;
let server: ControlServer;
let guests: SimulatedGuests;
let guestClient: GuestClient;
let evidence: EvidenceClient;
const images: DiskImage[] = [];
const stores: PageStore[] = [];
const snapshots = new Map<string, { image: PageImage; instantMs: number }>();

const sources = (name: string) =>
  stores.map((_, index) => ({ lun: index - 1, source: { snapshotId: `${name}-${index}` } }));

function snapshotDisk(name: string, index: number): void {
  const store = stores[index];
  const instantMs = performance.timeOrigin + performance.now();
  if (store !== undefined)
    snapshots.set(`${name}-${index}`, { image: store.snapshot(), instantMs });
}

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'lockstep-evidence-test-'));
  for (let index = 0; index < DISK_COUNT; index += 1) {
    const image = await createDiskImage({
      file: path.join(directory, `disk-${index}.img`),
      sizeMiB: 32,
      seed: 'evidence',
      label: `disk${index}`,
      areaMiB: 1,
      files: { count: 6, totalMiB: 1 },
    });
    const store = createPageStore(image.sizeBytes);
    await loadImage(image.file, store);
    images.push(image);
    stores.push(store);
  }
  const compute = {
    vmDisks: () => stores.map((_, index) => ({ lun: index - 1, diskId: `disk-${index}` })),
    diskStore: (diskId: string) => stores[Number(diskId.split('-')[1])],
    snapshotImage(snapshotId: string) {
      const snapshot = snapshots.get(snapshotId);
      return snapshot === undefined ? undefined : { ...snapshot, diskId: '' };
    },
  };
  guests = createGuestAgent({ compute, certificatePem: '' });
  server = createControlServer();
  registerGuestRoutes(server.registerControlRoute, guests);
  registerEvidenceRoutes(server.registerControlRoute, {
    guests,
    compute,
    pageImage(account, container, blob, snapshot) {
      const image = snapshots.get(`${blob}-0`)?.image;
      if (account !== 'acc' || container !== 'vhds' || snapshot !== 'then') return undefined;
      const store = image?.fork();
      store?.resize(store.sizeBytes + 512);
      store?.write(store.sizeBytes - 512, Buffer.alloc(512, 'conectix'));
      return store?.snapshot();
    },
    issuedSecrets: () => [SECRET],
  });
  const control = await server.start();
  guestClient = createGuestClient(control);
  evidence = createEvidenceClient(control);
  await guestClient.createGuest({
    vmId: VM_ID,
    disks: images.map(({ area }, index) => ({ lun: index - 1, area })),
    slotsPerVm: 90,
  });
  await guestClient.startWriters(VM_ID.toUpperCase(), 400);
  await waitUntil(() => guests.journal.lastOrder > 400, '400 writes');

  // All disks in one turn: one instant, as under a freeze.
  for (const index of stores.keys()) snapshotDisk('good', index);
  const order = guests.journal.lastOrder;
  goodOrder = order;
  // One disk after the other while the writers go on: a crash set.
  for (const index of stores.keys()) {
    snapshotDisk('torn', index);
    const from = guests.journal.lastOrder;
    await waitUntil(() => guests.journal.lastOrder > from + 60, 'more writes');
  }
  await guestClient.stopWriters(VM_ID);
}, 30_000);

let goodOrder = 0;

afterAll(async () => {
  await server.close();
  await guests.close();
  await rm(directory, { recursive: true, force: true });
});

describe('guest routes', () => {
  it('list the guest, its mounts and its writers', async () => {
    expect(await guestClient.guests()).toMatchObject([
      {
        vmId: VM_ID,
        agentStatus: 'Ready',
        luns: [-1, 0, 1],
        mounts: [{ mountPoint: '/' }, { mountPoint: '/srv/data0' }, { mountPoint: '/srv/data1' }],
        writers: [{ slots: 30, isRunning: false }, {}, {}],
      },
    ]);
    const journal = await guestClient.journal(VM_ID);
    expect(journal.slots).toBe(90);
    expect(journal.slotsWritten).toBe(90);
    const writes = journal.writesByLun.reduce((sum, count) => sum + count.writes, 0);
    expect(writes).toBe(journal.lastOrder);
    expect(await guestClient.frozen()).toEqual([]);
    expect(await guestClient.freezes({ vmId: VM_ID })).toEqual([]);
    expect(await guestClient.sessions()).toEqual([]);
    expect(await guestClient.processes()).toEqual([]);
  });

  it('set behaviour, agent and power', async () => {
    await guestClient.setBehaviour(VM_ID, { silent: true });
    await guestClient.setAgentStatus(VM_ID, 'Unavailable');
    expect(await guestClient.guests()).toMatchObject([
      { behaviour: { silent: true }, agentStatus: 'Unavailable' },
    ]);
    await guestClient.setPower(VM_ID, false);
    await expect(guestClient.startWriters(VM_ID)).rejects.toThrow('powered off');
    await guestClient.setPower(VM_ID, true);
    await guestClient.setBehaviour(VM_ID, {});
    await guestClient.setAgentStatus(VM_ID, 'Ready');
  });

  it('refuse what they do not understand, and say why', async () => {
    await expect(guestClient.startWriters('nowhere')).rejects.toMatchObject({ status: 404 });
    await expect(guestClient.startWriters(VM_ID, 0)).rejects.toThrow('pairsPerSecond must be > 0');
    const behaviour = { garbage: { kind: 'nice', at: 'frozen' } };
    await expect(guestClient.setBehaviour(VM_ID, behaviour as never)).rejects.toThrow(
      'behaviour/garbage/kind',
    );
    await expect(guestClient.setBehaviour(VM_ID, { sulks: true } as never)).rejects.toMatchObject({
      status: 400,
    });
    const wrongLun = { vmId: VM_ID, disks: [{ lun: 7 }] };
    await expect(guestClient.createGuest(wrongLun)).rejects.toThrow('no disk at LUN 7');
  });
});

describe('evidence routes', () => {
  it('find no torn pair in a set of one instant, and many in a crash set', async () => {
    const good = await evidence.tornPairs(VM_ID, sources('good'));
    expect(good).toMatchObject({ pairsChecked: 90, torn: 0, cutViolations: 0 });
    expect(good.oneInstant?.fromOrder).toBeLessThanOrEqual(goodOrder);
    expect(good.oneInstant?.toOrder).toBeGreaterThanOrEqual(goodOrder);
    const crash = await evidence.tornPairs(VM_ID, sources('torn'));
    expect(crash.torn).toBeGreaterThan(10);
    expect(crash.oneInstant).toBeUndefined();
  });

  it('compare every page with the journal', async () => {
    const pages = (DISK_COUNT * 32 * 1024) / 4;
    expect(await evidence.compare(VM_ID, sources('good'), { order: goodOrder })).toMatchObject({
      ...{ pagesCompared: pages, pagesDifferent: 0, sizesDifferent: 0, order: goodOrder },
    });
    const torn = await evidence.compare(VM_ID, sources('torn'), { order: goodOrder });
    expect(torn.pagesDifferent).toBeGreaterThan(10);
    const live = stores.map((_, index) => ({
      lun: index - 1,
      source: { diskId: `disk-${index}` },
    }));
    const now = { order: guests.journal.lastOrder };
    expect(await evidence.compare(VM_ID, live, now)).toMatchObject({ pagesDifferent: 0 });
  });

  it('find each disk of a crash set as the journal has it at that snapshot', async () => {
    for (const { lun, source } of sources('torn')) {
      const own = await evidence.compare(VM_ID, [{ lun, source }], source);
      expect(own).toMatchObject({ pagesCompared: 8192, pagesDifferent: 0 });
      const other = { order: own.order - 40 };
      const before = await evidence.compare(VM_ID, [{ lun, source }], other);
      expect(before.pagesDifferent).toBeGreaterThan(0);
    }
  });

  it('read a page blob without its footer', async () => {
    const source = { account: 'acc', container: 'vhds', blob: 'good', snapshot: 'then' };
    const compared = await evidence.compare(VM_ID, [{ lun: -1, source }], { order: goodOrder });
    expect(compared).toMatchObject({ pagesCompared: 8192, pagesDifferent: 0, sizesDifferent: 0 });
    const { order, ...oracle } = await evidence.oracleDigest(VM_ID, -1, { order: goodOrder });
    expect(order).toBe(goodOrder);
    expect(await evidence.imageDigest(source)).toEqual(oracle);
    expect(await evidence.imageDigest({ snapshotId: 'torn-2' })).not.toEqual(oracle);
  });

  it('count allocated and changed bytes', async () => {
    const allocated = await evidence.allocatedBytes({ snapshotId: 'good-1' });
    expect(allocated.sizeBytes).toBe(32 * 1024 * 1024);
    expect(allocated.allocatedBytes).toBeGreaterThan(2 * 1024 * 1024);
    const good = snapshots.get('good-2')?.image;
    const changed = snapshots
      .get('torn-2')
      ?.image.changedSince(good ?? createPageStore(0).snapshot());
    const bytes = changed?.reduce((sum, range) => sum + range.end - range.start, 0);
    // LUN 1 was snapshotted after 120 more writes; the journal counts to its very order number.
    const seen = await evidence.tornPairs(VM_ID, sources('good'));
    expect(seen.torn).toBe(0);
    const upTo = lastOrderIn('torn-2', 2);
    const counted = await evidence.changedBytes(VM_ID, 1, { order: goodOrder }, { order: upTo });
    expect(counted.changedBytes).toBe(bytes);
  });

  it('check the file system and its files', async () => {
    const [image] = images;
    const source = { snapshotId: 'good-0' };
    expect(await evidence.checkFileSystem(source, image?.files ?? [])).toMatchObject({
      ...{ clean: true, filesCompared: 6, filesDifferent: 0 },
    });
    const wrong = [{ path: image?.files[0]?.path ?? '', sha256: '0'.repeat(64) }];
    expect(await evidence.checkFileSystem(source, wrong)).toMatchObject({ filesDifferent: 1 });
    const file = path.join(directory, 'exported.img');
    await evidence.exportImage(source, file);
    expect((await checkFileSystem(file)).clean).toBe(true);
  });

  it('search for issued and for given secrets', async () => {
    const file = path.join(directory, 'log.txt');
    await writeFile(file, `GET https://x/?sig=${encodeURIComponent(SECRET)}`);
    const issued = await evidence.searchSecrets({ files: [file], issued: true });
    expect(issued.hits).toMatchObject([{ encoding: 'url', secret: 0 }]);
    const given = await evidence.searchSecrets({ files: [file], secrets: ['nothing-like-it'] });
    expect(given.hits).toEqual([]);
  });

  it('refuse what is not there, and say why', async () => {
    await expect(evidence.imageDigest({ snapshotId: 'none' })).rejects.toMatchObject({
      ...{ status: 404, code: 'NoSuchImage' },
    });
    await expect(
      evidence.compare(VM_ID, sources('good'), { session: `s-${'0'.repeat(32)}` }),
    ).rejects.toMatchObject({ code: 'NeverFrozen' });
    await expect(evidence.searchSecrets({ files: [] })).rejects.toThrow('no secrets');
    const wrong = { order: guests.journal.lastOrder + 1 };
    await expect(evidence.compare(VM_ID, sources('good'), wrong)).rejects.toMatchObject({
      status: 400,
    });
  });
});

/** The newest write of the journal that the image of that disk holds. */
function lastOrderIn(name: string, disk: number): number {
  const image = snapshots.get(name)?.image;
  let newest = 0;
  for (const writer of guests.journal.writersOf(VM_ID)) {
    for (const side of [0, 1] as const) {
      if (writer.disks[side] !== disk || image === undefined) continue;
      for (const offset of writer.slotOffsets[side]) {
        const seq = Number(image.read(offset + 16, 8).readBigUInt64LE());
        newest = Math.max(newest, guests.journal.orderOf(writer.writer, side, seq) ?? 0);
      }
    }
  }
  return newest;
}
