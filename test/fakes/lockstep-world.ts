import { diskKeyOf } from '../../lib/catalog/identifiers.ts';
import type { ConsistencyRequest } from '../../lib/catalog/labels.ts';
import type { RestorePoint } from '../../lib/catalog/restore-point.ts';
import type { VmConfiguration } from '../../lib/catalog/vm-configuration.ts';
import type { ConsistencyPorts } from '../../lib/consistency/consistency-ports.ts';
import type { CatalogStore } from '../../lib/ports/catalog-store.ts';
import { createFakeGuest, type FakeGuest, type FakeGuestOptions } from './fake-guest.ts';
import { createMemoryCatalogStore } from './memory-catalog-store.ts';
import { createMemoryGuestChannel, type MemoryGuestChannel } from './memory-guest-channel.ts';
import {
  createMemorySnapshotStore,
  type MemorySnapshotStore,
  type MemorySnapshotStoreOptions,
} from './memory-snapshot-store.ts';
import {
  createMemoryVmInventory,
  type MemoryVmInventory,
  sampleReading,
} from './memory-vm-inventory.ts';
import { createPortFaults, type PortFaults } from './port-faults.ts';
import {
  SAMPLE_VM_ID,
  SAMPLE_VM_KEY,
  sampleConfiguration,
  sampleDisks,
  samplePoint,
} from './sample-point.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

export const DEPLOYMENT = 'lockstep-test';
export const RUN_ID = `protect-${SAMPLE_VM_KEY}-20261123T181501Z-1a2b3c`;

/** A VM with a helper, an account with snapshots and a catalog, all in memory, on a virtual clock. */
export interface LockstepWorld {
  readonly ports: ConsistencyPorts;
  /** The same things without faults, for looking at what is there. */
  readonly catalog: CatalogStore;
  readonly clock: VirtualClock;
  readonly channel: MemoryGuestChannel;
  readonly guest: FakeGuest;
  readonly snapshots: MemorySnapshotStore;
  readonly vms: MemoryVmInventory;
  readonly faults: PortFaults;
  readonly events: { readonly name: string; readonly fields: Readonly<Record<string, unknown>> }[];
  readonly input: { readonly runId: string; readonly vmKey: string; readonly pointId: string };
}

export interface LockstepWorldOptions {
  readonly dataDisks?: number;
  readonly requested?: Partial<ConsistencyRequest>;
  readonly guest?: Partial<FakeGuestOptions>;
  readonly snapshots?: Partial<MemorySnapshotStoreOptions>;
  readonly faults?: PortFaults;
  readonly configuration?: Partial<VmConfiguration>;
  /** Whether the row of a preparing point is there already. Default true. */
  readonly prepared?: boolean;
}

export async function createLockstepWorld(
  options: LockstepWorldOptions = {},
): Promise<LockstepWorld> {
  const clock = createVirtualClock();
  const faults = options.faults ?? createPortFaults();
  const configuration = sampleConfiguration({
    disks: sampleDisks(options.dataDisks ?? 3),
    ...options.configuration,
  });
  const channel = createMemoryGuestChannel(faults);
  const guest = createFakeGuest({
    channel,
    clock,
    faults,
    luns: configuration.disks.map((disk) => disk.lun),
    ...options.guest,
  });
  const uniqueIds = new Map(configuration.disks.map((disk) => [disk.diskId, disk.diskUniqueId]));
  const snapshots = createMemorySnapshotStore({
    clock,
    faults,
    uniqueIdOfDisk: (diskId) => uniqueIds.get(diskId) ?? 'unknown',
    ...options.snapshots,
  });
  const vms = createMemoryVmInventory([sampleReading({ configuration })], faults);
  const catalog = createMemoryCatalogStore();
  const events: LockstepWorld['events'] = [];
  const point = preparingPoint(configuration, options.requested);
  if (options.prepared !== false) await catalog.createPoint(point);
  return {
    ports: {
      catalog: withFaults(catalog, faults),
      vms,
      snapshots,
      channel,
      commands: guest,
      clock,
      events: { emit: (name, fields) => void events.push({ name, fields }) },
      deploymentId: DEPLOYMENT,
      helperSource: 'print("helper")\n',
    },
    catalog,
    clock,
    channel,
    guest,
    snapshots,
    vms,
    faults,
    events,
    input: { runId: RUN_ID, vmKey: SAMPLE_VM_KEY, pointId: point.pointId },
  };
}

export const REQUEST: ConsistencyRequest = {
  provider: 'lockstep',
  label: 'fileSystem',
  freezeDeadlineMs: 10_000,
};

/** What `preparePoint` is told of the sample VM. */
export const PREPARE_INPUT = {
  runId: RUN_ID,
  vmId: SAMPLE_VM_ID,
  requested: REQUEST,
  targets: ['paired'],
};

/** A world in which no point is prepared yet. */
export const createUnpreparedWorld = (options: LockstepWorldOptions = {}): Promise<LockstepWorld> =>
  createLockstepWorld({ ...options, prepared: false });

function preparingPoint(
  configuration: VmConfiguration,
  requested: Partial<ConsistencyRequest> = {},
): RestorePoint {
  const { recordedAtUtc: _at, verdict: _verdict, ...point } = samplePoint({ configuration });
  return {
    ...point,
    state: 'preparing',
    runId: RUN_ID,
    vmId: SAMPLE_VM_ID,
    deploymentId: DEPLOYMENT,
    requested: { ...REQUEST, ...requested },
    disks: configuration.disks.map((disk) => ({
      diskKey: diskKeyOf(disk.diskId),
      lun: disk.lun,
      diskId: disk.diskId,
      diskUniqueId: disk.diskUniqueId,
      name: disk.name,
      sizeBytes: disk.sizeBytes,
    })),
  };
}

/** `catalog` whose every call counts, and may fail, as the plan of `faults` says. */
function withFaults(catalog: CatalogStore, faults: PortFaults): CatalogStore {
  return new Proxy(catalog, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) =>
        faults.run(`catalog.${String(name)}`, () => Reflect.apply(member, target, args));
    },
  });
}
