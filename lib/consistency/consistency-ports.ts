import type { EventSink } from '../events.ts';
import type { CatalogStore } from '../ports/catalog-store.ts';
import type { GuestChannel } from '../ports/guest-channel.ts';
import type { GuestCommands } from '../ports/guest-commands.ts';
import type { SnapshotStore } from '../ports/snapshot-store.ts';
import type { VmInventory } from '../ports/vm-inventory.ts';
import type { Clock } from '../time/clock.ts';

/** What the operations of this folder need from outside. */
export interface ConsistencyPorts {
  readonly catalog: CatalogStore;
  readonly vms: VmInventory;
  readonly snapshots: SnapshotStore;
  readonly channel: GuestChannel;
  readonly commands: GuestCommands;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Tells this installation's resources from those of another. */
  readonly deploymentId: string;
  /** Source text of guest-helper.py. */
  readonly helperSource: string;
  readonly timings?: Partial<LockstepTimings>;
}

/** How long the service waits for a guest. None of them bounds a freeze: the guest's deadline does. */
export interface LockstepTimings {
  /** From asking for the command until `hello`. */
  readonly helloWaitMs: number;
  /** On top of the deadline, from `go` until `frozen`. */
  readonly freezeMarginMs: number;
  /** From `release` until `thawed`. */
  readonly thawedWaitMs: number;
  /** From `thawed` until `done`; post hooks run meanwhile. */
  readonly doneWaitMs: number;
  /** For the whole set of snapshots, frozen or not. */
  readonly setLimitMs: number;
  /** Between two looks at what the guest said, while it may be frozen. */
  readonly channelPollMs: number;
}

/** Together under five minutes: one activity holds all of it. */
export const DEFAULT_TIMINGS: LockstepTimings = {
  helloWaitMs: 120_000,
  freezeMarginMs: 15_000,
  thawedWaitMs: 15_000,
  doneWaitMs: 20_000,
  setLimitMs: 90_000,
  channelPollMs: 100,
};
