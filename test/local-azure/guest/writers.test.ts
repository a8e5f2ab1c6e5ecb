import { afterEach, describe, expect, it } from 'vitest';
import { findTornPairs } from '../evidence/torn-pairs.ts';
import { createPageStore } from '../pages/page-store.ts';
import { replayDisk } from './oracle-image.ts';
import { createSessionRig, type SessionRig, VM_ID, waitUntil } from './session-rig.ts';

let rig: SessionRig | undefined;
/** The writer area of every disk of the rig. */
const rigArea = [{ start: 1024 ** 2, end: 2 * 1024 ** 2 }];

afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

describe('writers', () => {
  it('write exactly what the journal says, to every disk', async () => {
    rig = await createSessionRig({ diskCount: 3, slotsPerVm: 60 });
    const { journal } = rig.guests;
    const guest = rig.guests.guest(VM_ID);
    guest.startWriters(300);
    await waitUntil(() => journal.lastOrder > 200, '200 writes');
    await guest.stopWriters();
    const stoppedAt = journal.lastOrder;
    for (const [index, store] of rig.stores.entries()) {
      const oracle = replayDisk(journal, index, stoppedAt);
      expect(oracle.writtenOffsets.length).toBeGreaterThan(20);
      expect(oracle.read(0, store.sizeBytes).equals(store.read(0, store.sizeBytes))).toBe(true);
    }
    guest.startWriters(300);
    await waitUntil(() => journal.lastOrder > stoppedAt + 50, 'more writes');
    await guest.stopWriters();
    const oracle = replayDisk(journal, 0, journal.lastOrder);
    const store = rig.stores[0] ?? createPageStore(0);
    expect(oracle.read(0, store.sizeBytes).equals(store.read(0, store.sizeBytes))).toBe(true);
  });

  it('wait while frozen, write nothing, and go on after the thaw', async () => {
    rig = await createSessionRig({ diskCount: 2 });
    const { journal, freezes } = rig.guests;
    const guest = rig.guests.guest(VM_ID);
    guest.startWriters(200);
    await waitUntil(() => journal.lastOrder > 20, 'writes');
    const cloud = rig.open();
    cloud.say('go', { deadlineMs: 5000 });
    await cloud.hear('frozen');
    const frozenOrder = journal.lastOrder;
    const startedMs = performance.now();
    await waitUntil(() => performance.now() > startedMs + 80, 'a while');
    expect(journal.lastOrder).toBe(frozenOrder);
    cloud.say('release');
    await cloud.hear('thawed');
    await waitUntil(() => journal.lastOrder > frozenOrder + 20, 'writes after the thaw');
    const record = freezes.find(cloud.session);
    expect(record).toMatchObject({ frozenOrder, firstThawOrder: frozenOrder, cause: 'released' });
    expect(record?.blockedWrites).toBe(2);
    expect(record?.longestBlockedMs).toBeGreaterThanOrEqual(40);
    expect(record?.heldMs).toBeGreaterThanOrEqual(40);
    await cloud.process.finished;
  });

  it('go on writing to a disk that the freeze does not cover', async () => {
    rig = await createSessionRig({ diskCount: 2 });
    const { journal } = rig.guests;
    const guest = rig.guests.guest(VM_ID);
    guest.behaviour = { uncoveredLuns: [0] };
    const cloud = rig.open();
    cloud.say('go', { deadlineMs: 5000 });
    await cloud.hear('frozen');
    const frozenOrder = rig.guests.freezes.find(cloud.session)?.frozenOrder ?? 0;
    // One writer begins with each disk.
    guest.startWriters(500);
    await waitUntil(() => journal.lastOrder > frozenOrder, 'a write under the freeze');
    expect(journal.entry(frozenOrder + 1).disk).toBe(1);
    cloud.say('release');
    await cloud.process.finished;
  });

  it('are replaced with the guest, and their old blocks count as nothing', async () => {
    rig = await createSessionRig({ diskCount: 2, slotsPerVm: 40 });
    const { guests, stores } = rig;
    guests.guest(VM_ID).startWriters(400);
    await waitUntil(() => guests.journal.lastOrder > 100, 'writes');
    const again = await guests.createGuest({
      vmId: VM_ID,
      disks: [0, 1].map((disk) => ({ lun: disk - 1, area: rigArea })),
      slotsPerVm: 40,
    });
    again.startWriters(400);
    const before = guests.journal.lastOrder;
    await waitUntil(() => guests.journal.lastOrder > before + 30, 'writes of the new writers');
    await again.stopWriters();
    const images = new Map(stores.map((store, disk) => [disk, store.snapshot()]));
    const found = findTornPairs(guests.journal, VM_ID, images);
    expect(found).toMatchObject({ torn: 0, cutViolations: 0 });
    expect(found.pairsChecked).toBe(again.writers.reduce((sum, { seq }) => sum + seq, 0));
    for (const [disk, image] of images) {
      const oracle = replayDisk(guests.journal, disk, guests.journal.lastOrder);
      expect(oracle.read(0, image.sizeBytes).equals(image.read(0, image.sizeBytes))).toBe(true);
    }
  });

  it('feel no watchdog of before a power cut', async () => {
    rig = await createSessionRig({ diskCount: 2 });
    const { guests } = rig;
    guests.guest(VM_ID).behaviour = { diesAfter: 'frozen' };
    const first = rig.open();
    first.say('go', { deadlineMs: 300 });
    await first.process.finished;
    expect(guests.frozenGuests()).toHaveLength(1);
    expect(guests.runningProcesses()).toEqual([]);
    await guests.powerOff(VM_ID);
    expect(guests.frozenGuests()).toEqual([]);
    guests.powerOn(VM_ID);
    guests.guest(VM_ID).behaviour = {};
    const second = rig.open();
    second.say('go', { deadlineMs: 5000 });
    const frozen = await second.hear('frozen');
    const deadlineMs = (guests.freezes.find(first.session)?.frozenAtMs ?? 0) + 350;
    await waitUntil(() => performance.now() > deadlineMs, 'the first deadline');
    expect(Number(frozen['monotonicMs'])).toBeLessThan(deadlineMs);
    expect(guests.frozenGuests()).toHaveLength(1);
    second.say('release');
    expect(await second.hear('thawed')).toMatchObject({ cause: 'released' });
    await second.process.finished;
  });

  it('end at a power cut, even frozen, and go on after the boot', async () => {
    rig = await createSessionRig({ diskCount: 2 });
    const { guests } = rig;
    const guest = guests.guest(VM_ID);
    const bootId = guest.bootId;
    guest.startWriters(200);
    await waitUntil(() => guests.journal.lastOrder > 10, 'writes');
    const cloud = rig.open();
    cloud.say('go', { deadlineMs: 5000 });
    await cloud.hear('frozen');
    const before = guests.journal.lastOrder;
    await guests.powerOff(VM_ID);
    expect(await cloud.process.finished).toMatchObject({ exitCode: 137 });
    expect(guests.sessions.at(-1)?.ended?.how).toBe('powerCut');
    expect(guests.journal.lastOrder).toBe(before);
    expect(guests.frozenGuests()).toEqual([]);
    expect(guests.agentStatus(VM_ID)).toBe('Unavailable');
    expect(() => guest.startWriters(1)).toThrow('not running');
    guests.powerOn(VM_ID);
    expect(guest.bootId).not.toBe(bootId);
    await waitUntil(() => guests.journal.lastOrder > before + 10, 'writes after the boot');
  });
});
