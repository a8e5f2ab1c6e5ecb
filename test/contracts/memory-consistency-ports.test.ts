import { createMemoryGuestChannel } from '../fakes/memory-guest-channel.ts';
import { createMemorySnapshotStore } from '../fakes/memory-snapshot-store.ts';
import { createVirtualClock } from '../fakes/virtual-clock.ts';
import { describeGuestChannel } from './guest-channel.contract.ts';
import { describeSnapshotStore } from './snapshot-store.contract.ts';

describeSnapshotStore('in memory', async () => {
  const clock = createVirtualClock();
  return {
    store: createMemorySnapshotStore({ clock, uniqueIdOfDisk: () => 'unique' }),
    clock,
    diskId: '/subscriptions/s/disks/d',
    diskUniqueId: 'unique',
    region: 'westeurope',
  };
});

describeGuestChannel('in memory', async () => {
  const channel = createMemoryGuestChannel();
  return { channel, guestAppend: async (sessionId, text) => channel.guestAppend(sessionId, text) };
});
