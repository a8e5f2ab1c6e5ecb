import type { ByteRange, PageStore } from '../contracts.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { GuestBehaviour } from './behaviour.ts';
import type { FreezeHistory } from './freeze-history.ts';
import type { Journal, JournalDisk } from './journal.ts';
import { createMount, type Mount } from './mount.ts';
import { createWriter, type Writer } from './writer.ts';
import { planWriters } from './writer-plan.ts';

/** A disk as the guest sees it at boot. */
export interface GuestDisk {
  readonly lun: number;
  readonly diskId: string;
  readonly store: PageStore;
}

/** What the guest does with the disk at a LUN; a disk without a plan is a raw one. */
export interface DiskPlan {
  readonly lun: number;
  /** Default `/` for LUN -1 (the OS disk), `/srv/data<lun>` for the others. */
  readonly mountPoint?: string;
  /** The blocks of the writer area; without them no writer uses the disk. */
  readonly area?: readonly ByteRange[];
}

export interface Guest {
  readonly vmId: string;
  readonly bootId: string;
  readonly isRunning: boolean;
  readonly mounts: readonly Mount[];
  readonly luns: readonly number[];
  /** The journal's disk at a LUN, raw ones too. RangeError when there is none. */
  journalDisk(lun: number): JournalDisk;
  readonly writers: readonly Writer[];
  behaviour: GuestBehaviour;
  agentStatus: 'Ready' | 'Unavailable' | 'None';
  startWriters(pairsPerSecond: number): void;
  stopWriters(): Promise<void>;
  /** Power goes: writers end at once, mounts and their freezes are gone. */
  powerOff(): Promise<void>;
  /** Boots on these disks; writers that ran go on if their disks are the same ones. */
  powerOn(disks: readonly GuestDisk[]): void;
}

export interface GuestOptions {
  readonly vmId: string;
  readonly disks: readonly GuestDisk[];
  readonly plans: readonly DiskPlan[];
  readonly slotsPerVm?: number;
  readonly journal: Journal;
  readonly freezes: FreezeHistory;
  readonly random: SeededRandom;
}

export function createGuest(options: GuestOptions): Guest {
  const { vmId, plans, journal, freezes, random } = options;
  for (const { lun } of plans) {
    if (!options.disks.some((disk) => disk.lun === lun)) {
      throw new RangeError(`${vmId} has no disk at LUN ${lun}`);
    }
  }
  let disks = options.disks;
  let mounts = mountDisks(disks);
  let writers = makeWriters();
  let bootId = random.uuid();
  let isRunning = true;
  let resumeRate: number | undefined;

  function mountDisks(present: readonly GuestDisk[]): Mount[] {
    return present.flatMap((disk) => {
      const journalDisk = journal.addDisk(disk.diskId, disk.store);
      const plan = plans.find(({ lun }) => lun === disk.lun);
      if (plan === undefined) return [];
      return createMount({
        mountPoint: plan.mountPoint ?? (disk.lun === -1 ? '/' : `/srv/data${disk.lun}`),
        device: `/dev/${disk.lun === -1 ? 'sda1' : `disk/azure/scsi1/lun${disk.lun}`}`,
        ...{ lun: disk.lun, diskId: disk.diskId, store: disk.store },
        journalDisk,
        onBlockedWrite: ({ waitedMs }) => freezes.blockedWrite(vmId, waitedMs),
      });
    });
  }

  function makeWriters(): Writer[] {
    journal.retireWriters(vmId);
    const written = mounts.flatMap((mount) => {
      const area = plans.find(({ lun }) => lun === mount.lun)?.area ?? [];
      return area.length > 0 ? [{ mount, area }] : [];
    });
    if (written.length === 0) return [];
    const areas = written.map(({ area }) => area);
    return planWriters(areas, random.fork('slots'), options.slotsPerVm).map((plan, index) => {
      const pair = [written[plan.first]?.mount, written[plan.second]?.mount] as const;
      const [first, second] = pair;
      if (first === undefined || second === undefined) throw new RangeError('no such disk');
      return createWriter({
        facts: journal.addWriter({
          vmId,
          disks: [first.journalDisk.disk, second.journalDisk.disk],
          slotOffsets: plan.slotOffsets,
        }),
        mounts: [first, second],
        journal,
        random: random.fork(`writer ${index}`),
      });
    });
  }

  async function stopWriters(): Promise<void> {
    resumeRate = undefined;
    await Promise.all(writers.map((writer) => writer.stop()));
  }

  return {
    vmId,
    get bootId() {
      return bootId;
    },
    get isRunning() {
      return isRunning;
    },
    get mounts() {
      return mounts;
    },
    get luns() {
      return disks.map(({ lun }) => lun);
    },
    journalDisk(lun) {
      const disk = disks.find((candidate) => candidate.lun === lun);
      if (disk === undefined) throw new RangeError(`${vmId} has no disk at LUN ${lun}`);
      return journal.addDisk(disk.diskId, disk.store);
    },
    get writers() {
      return writers;
    },
    behaviour: {},
    agentStatus: 'Ready',
    startWriters(pairsPerSecond) {
      if (!isRunning) throw new Error(`${vmId} is not running`);
      if (writers.length === 0) throw new Error(`${vmId} has no disk with a writer area`);
      for (const writer of writers) writer.start(pairsPerSecond);
      resumeRate = pairsPerSecond;
    },
    stopWriters,
    async powerOff() {
      isRunning = false;
      const rate = resumeRate;
      await stopWriters();
      resumeRate = rate;
      for (const mount of mounts) mount.thaw();
    },
    powerOn(present) {
      if (isRunning) return;
      const same =
        present.length === disks.length &&
        present.every(({ lun, store }) =>
          disks.some((disk) => disk.lun === lun && disk.store === store),
        );
      if (!same) {
        disks = present;
        mounts = mountDisks(present);
        writers = makeWriters();
      }
      bootId = random.uuid();
      isRunning = true;
      if (resumeRate !== undefined && same) for (const writer of writers) writer.start(resumeRate);
    },
  };
}
