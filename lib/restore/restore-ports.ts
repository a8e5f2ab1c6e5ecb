import type { EventSink } from '../events.ts';
import type { CatalogStore } from '../ports/catalog-store.ts';
import type { DiskStore } from '../ports/disk-store.ts';
import type { NetworkInventory } from '../ports/network-inventory.ts';
import type { RegionInventory } from '../ports/region-inventory.ts';
import type { ReplicaTarget } from '../ports/replica-target.ts';
import type { ScratchStore } from '../ports/scratch-store.ts';
import type { VmBuilder } from '../ports/vm-builder.ts';
import type { Clock } from '../time/clock.ts';

/** A replica target with what a restore needs beyond reading it. */
export interface RestoreTarget extends ReplicaTarget {
  readonly scratch: ScratchStore;
  /** ARM id. */
  readonly storageAccountId: string;
}

export interface RestoreTargets {
  readonly names: readonly string[];
  find(name: string): RestoreTarget | undefined;
}

export interface RestorePorts {
  readonly catalog: CatalogStore;
  readonly targets: RestoreTargets;
  readonly disks: DiskStore;
  readonly vms: VmBuilder;
  readonly networks: NetworkInventory;
  readonly regions: RegionInventory;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly deploymentId: string;
  /** Where this app stands; lower case. */
  readonly homeRegion: string;
  /** Where restores go when the request does not say. */
  readonly defaults: { readonly resourceGroup?: string; readonly subnetId?: string };
  readonly options: RestoreOptions;
}

export interface RestoreOptions {
  /** How long one call waits for a scratch copy before it answers that it is not finished. */
  readonly timeBudgetMs: number;
  readonly pollIntervalMs: number;
}

export const DEFAULT_RESTORE_OPTIONS: RestoreOptions = {
  timeBudgetMs: 240_000,
  pollIntervalMs: 500,
};

/** What a step made. Not finished: call it again with the same input after a short wait. */
export interface StepResult {
  readonly finished: boolean;
  readonly resourceId: string;
  /** Of a scratch copy under way. */
  readonly copiedBytes?: number;
}
