import type {
  ComputeInventory,
  GuestAgent,
  RunCommandProcess,
  RunCommandRequest,
} from '../contracts.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createFreezeHistory, type FreezeHistory } from './freeze-history.ts';
import { createGuest, type DiskPlan, type Guest, type GuestDisk } from './guest.ts';
import { type GuestProcess, type SessionRecord, startGuestProcess } from './guest-process.ts';
import { createJournal, type Journal } from './journal.ts';

export interface GuestAgentOptions {
  /** Asked at each call only, so that it may be completed after this. */
  readonly compute: Pick<ComputeInventory, 'diskStore' | 'vmDisks'>;
  /** The PEM of the certificate that the storage fronts show. */
  readonly certificatePem: string;
  readonly seed?: string | number;
  /** How often the helper asks for news. Default 100. */
  readonly pollMs?: number;
}

export interface FrozenGuest {
  readonly vmId: string;
  readonly mountPoints: readonly string[];
}

/** The guests of all VMs, the journal of their writers, and the history of their freezes. */
export interface SimulatedGuests extends GuestAgent {
  readonly journal: Journal;
  readonly freezes: FreezeHistory;
  /** Every session of every guest, in the order of their starts. */
  readonly sessions: readonly SessionRecord[];
  /** Boots a guest on the disks that the VM has now. Replaces an older guest of that VM. */
  createGuest(options: {
    readonly vmId: string;
    readonly disks: readonly DiskPlan[];
    readonly slotsPerVm?: number;
  }): Promise<Guest>;
  /** An Error that names the VM when it has none. */
  guest(vmId: string): Guest;
  guests(): readonly Guest[];
  /** Guests with a mount that is frozen now, whoever froze it. */
  frozenGuests(): readonly FrozenGuest[];
  /** Processes of run commands that have not ended. */
  runningProcesses(): readonly { readonly vmId: string; readonly name: string }[];
  /** Power goes from or comes to a VM; nothing happens for a VM without a guest. */
  powerOff(vmId: string): Promise<void>;
  powerOn(vmId: string): void;
  close(): Promise<void>;
}

export function createGuestAgent(options: GuestAgentOptions): SimulatedGuests {
  const { compute } = options;
  const random = createSeededRandom(options.seed ?? 'guests');
  const journal = createJournal();
  const freezes = createFreezeHistory(journal);
  const guests = new Map<string, Guest>();
  const processes = new Set<GuestProcess>();
  const sessions: SessionRecord[] = [];

  function disksOf(vmId: string): GuestDisk[] {
    return compute.vmDisks(vmId).map(({ lun, diskId }) => {
      const store = compute.diskStore(diskId);
      if (store === undefined) throw new Error(`${vmId} has no content for its disk ${diskId}`);
      return { lun, diskId, store };
    });
  }

  function killProcesses(vmId?: string): void {
    for (const running of processes) {
      if (vmId === undefined || running.vmId === vmId.toLowerCase()) running.cutPower();
    }
  }

  const agent: SimulatedGuests = {
    journal,
    freezes,
    sessions,
    agentStatus(vmId) {
      const guest = guests.get(vmId.toLowerCase());
      if (guest === undefined) return 'None';
      return guest.isRunning ? guest.agentStatus : 'Unavailable';
    },
    runCommand(request: RunCommandRequest): RunCommandProcess {
      const guest = agent.guest(request.vmId);
      if (agent.agentStatus(request.vmId) !== 'Ready') {
        throw new Error(`the agent of ${request.vmId} runs nothing now`);
      }
      const started = startGuestProcess(request, {
        ...{ guest, freezes, certificatePem: options.certificatePem },
        pollMs: options.pollMs ?? 100,
      });
      sessions.push(started.record);
      processes.add(started);
      started.allEnded.then(
        () => processes.delete(started),
        () => processes.delete(started),
      );
      return { finished: started.finished, kill: () => started.kill() };
    },
    async createGuest({ vmId, disks, slotsPerVm }) {
      await agent.powerOff(vmId);
      const guest = createGuest({
        ...{ vmId, disks: disksOf(vmId), plans: disks, journal, freezes },
        ...(slotsPerVm === undefined ? {} : { slotsPerVm }),
        random: random.fork(vmId.toLowerCase()),
      });
      guests.set(vmId.toLowerCase(), guest);
      return guest;
    },
    guest(vmId) {
      const found = guests.get(vmId.toLowerCase());
      if (found === undefined) throw new Error(`${vmId} has no simulated guest`);
      return found;
    },
    guests: () => [...guests.values()],
    frozenGuests() {
      return [...guests.values()].flatMap(({ vmId, mounts }) => {
        const frozen = mounts.filter((mount) => mount.isFrozen);
        if (frozen.length === 0) return [];
        return [{ vmId, mountPoints: frozen.map(({ mountPoint }) => mountPoint) }];
      });
    },
    runningProcesses: () =>
      [...processes]
        .filter(({ record }) => record.ended === undefined)
        .map(({ vmId, name }) => ({ vmId, name })),
    async powerOff(vmId) {
      killProcesses(vmId);
      await guests.get(vmId.toLowerCase())?.powerOff();
    },
    powerOn(vmId) {
      guests.get(vmId.toLowerCase())?.powerOn(disksOf(vmId));
    },
    async close() {
      killProcesses();
      await Promise.all([...guests.values()].map((guest) => guest.powerOff()));
    },
  };
  return agent;
}
