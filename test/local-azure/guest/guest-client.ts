import type { GuestBehaviour } from './behaviour.ts';
import { type ControlCaller, createControlCaller } from './control-caller.ts';
import type { FrozenGuest } from './create-guest-agent.ts';
import type { FreezeRecord } from './freeze-history.ts';
import type { DiskPlan } from './guest.ts';
import type { SessionRecord } from './guest-process.ts';

export interface GuestSummary {
  readonly vmId: string;
  readonly isRunning: boolean;
  readonly agentStatus: 'Ready' | 'Unavailable' | 'None';
  readonly behaviour: GuestBehaviour;
  readonly luns: readonly number[];
  readonly mounts: readonly {
    readonly mountPoint: string;
    readonly device: string;
    readonly lun: number;
    readonly diskId: string;
    readonly isFrozen: boolean;
  }[];
  readonly writers: readonly {
    readonly writer: number;
    readonly isRunning: boolean;
    /** Pairs begun. */
    readonly seq: number;
    readonly slots: number;
  }[];
}

export interface JournalSummary {
  /** Of all guests together. */
  readonly lastOrder: number;
  readonly writesByLun: readonly { readonly lun: number; readonly writes: number }[];
  readonly slots: number;
  /** Slots that have been written at least once: at most so many pairs can be checked. */
  readonly slotsWritten: number;
}

/** The control routes `/guest/*`, for tests and demos in another process. */
export interface GuestClient {
  /** Boots a guest on the disks that the VM has in ARM now. */
  createGuest(options: {
    readonly vmId: string;
    /** `area` is what `createDiskImage` gave for the disk at that LUN (-1: the OS disk). */
    readonly disks: readonly DiskPlan[];
    readonly slotsPerVm?: number;
  }): Promise<GuestSummary>;
  guests(): Promise<GuestSummary[]>;
  startWriters(vmId: string, pairsPerSecond?: number): Promise<GuestSummary>;
  stopWriters(vmId: string): Promise<GuestSummary>;
  /** Replaces the whole behaviour; `{}` is a good guest again. Read anew by every session. */
  setBehaviour(vmId: string, behaviour: GuestBehaviour): Promise<void>;
  setAgentStatus(vmId: string, status: GuestSummary['agentStatus']): Promise<void>;
  setPower(vmId: string, on: boolean): Promise<void>;
  frozen(): Promise<FrozenGuest[]>;
  processes(): Promise<{ readonly vmId: string; readonly name: string }[]>;
  journal(vmId: string): Promise<JournalSummary>;
  freezes(filter?: { readonly vmId?: string; readonly session?: string }): Promise<FreezeRecord[]>;
  sessions(vmId?: string): Promise<SessionRecord[]>;
}

/** `controlUrl` is the `control` of the line that the local Azure prints. */
export function createGuestClient(
  controlUrl: string,
  call: ControlCaller = createControlCaller(controlUrl),
): GuestClient {
  return {
    createGuest: (options) => call('POST', '/guest/guests', options),
    guests: () => call('GET', '/guest/guests'),
    startWriters: (vmId, pairsPerSecond) =>
      call('POST', '/guest/writers/start', { vmId, pairsPerSecond }),
    stopWriters: (vmId) => call('POST', '/guest/writers/stop', { vmId }),
    setBehaviour: (vmId, behaviour) => call('POST', '/guest/behaviour', { vmId, behaviour }),
    setAgentStatus: (vmId, status) => call('POST', '/guest/agent-status', { vmId, status }),
    setPower: (vmId, on) => call('POST', '/guest/power', { vmId, on }),
    frozen: () => call('GET', '/guest/frozen'),
    processes: () => call('GET', '/guest/processes'),
    journal: (vmId) => call('GET', `/guest/journal?${new URLSearchParams({ vmId })}`),
    freezes: (filter = {}) => call('GET', `/guest/freezes?${new URLSearchParams({ ...filter })}`),
    sessions: (vmId) =>
      call('GET', `/guest/sessions?${new URLSearchParams(vmId === undefined ? {} : { vmId })}`),
  };
}
