import type { ConsistencyRequest, Verdict } from './labels.ts';
import type { VmConfiguration } from './vm-configuration.ts';

/**
 * preparing -> recorded | failed. A recorded point never changes again; where it can be restored
 * from is told by its copies (point-copy.ts).
 */
export type RestorePointState = 'preparing' | 'recorded' | 'failed';

/** A managed incremental snapshot of one disk. */
export interface DiskSnapshot {
  readonly snapshotId: string;
  readonly name: string;
  readonly uniqueId: string;
  /** Diffs exist only inside one family. */
  readonly familyId: string;
  readonly timeCreatedUtc: string;
}

export interface PointDisk {
  readonly diskKey: string;
  /** -1 for the OS disk. */
  readonly lun: number;
  readonly diskId: string;
  readonly diskUniqueId: string;
  readonly name: string;
  readonly sizeBytes: number;
  /** Set once the point is recorded. */
  readonly snapshot?: DiskSnapshot;
}

export interface RestorePoint {
  readonly formatVersion: 1;
  readonly pointId: string;
  readonly vmKey: string;
  readonly vmId: string;
  readonly vmName: string;
  readonly region: string;
  readonly deploymentId: string;
  readonly runId: string;
  readonly state: RestorePointState;
  readonly requested: ConsistencyRequest;
  readonly createdAtUtc: string;
  readonly recordedAtUtc?: string;
  readonly verdict?: Verdict;
  readonly failure?: { readonly errorCode: string; readonly message: string };
  readonly configuration: VmConfiguration;
  /** OS disk first, then by LUN. */
  readonly disks: readonly PointDisk[];
}

const LEGAL: Readonly<Record<RestorePointState, readonly RestorePointState[]>> = {
  preparing: ['recorded', 'failed'],
  recorded: [],
  failed: [],
};

/** Whether a point may go from one state to the other. */
export const mayBecome = (from: RestorePointState, to: RestorePointState): boolean =>
  LEGAL[from].includes(to);
