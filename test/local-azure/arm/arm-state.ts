import type {
  DiskExports,
  GuestAgent,
  PageImage,
  PageStore,
  RunCommandProcess,
  SecretLedger,
  StorageService,
} from '../contracts.ts';
import type { SettableRegionSwitch } from '../front/region-switch.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { LongRunningOperations } from './long-running-operations.ts';
import type { ResourceStore } from './resource-store.ts';

export interface RegionInfo {
  readonly name: string;
  readonly paired: string | undefined;
  readonly displayName: string;
}

export interface MillisecondRange {
  readonly min: number;
  readonly max: number;
}

/** Latencies, limits and habits of this run; all have defaults in `local-azure.ts`. */
export interface ArmSettings {
  /** From acceptance of a snapshot's PUT to Succeeded. */
  readonly snapshotLatencyMs: MillisecondRange;
  /** Disks, deletes, grants, network. */
  readonly operationLatencyMs: MillisecondRange;
  /** VM create, delete, start, deallocate. */
  readonly vmLatencyMs: MillisecondRange;
  /** From acceptance of a run command to the start of its script. */
  readonly runCommandLatencyMs: MillisecondRange;
  /** Until a run command fails because the agent is silent; 25 minutes on Azure. */
  readonly agentTimeoutMs: number;
  /** Retry-After of the first answer as recorded on Azure (2 s for disks, 10 s for VMs); false sends none. */
  readonly sendRetryAfter: boolean;
  readonly pageSize: number;
  /** Per disk; 0 lifts the limit. */
  readonly maxIncrementalSnapshots: number;
  /** Per disk in 5 minutes; 0 lifts the limit. */
  readonly maxIncrementalSnapshotsPer5Min: number;
}

/** The content and bookkeeping of a managed disk, beside its resource. */
export interface DiskContent {
  readonly uniqueId: string;
  /** `incrementalSnapshotFamilyId` of its incremental snapshots. */
  readonly familyId: string;
  /** For a disk being uploaded it includes the 512 bytes of the VHD footer. */
  store: PageStore;
  /** `none` once the upload has ended or for any other disk. */
  upload: 'ready' | 'active' | 'none';
  grant: OpenGrant | undefined;
  /** Moments of accepted incremental snapshots, for the rate limit. */
  snapshotTimesMs: number[];
}

/** The content of a snapshot; `image` is undefined until its instant, and after a failure. */
export interface SnapshotContent {
  readonly uniqueId: string;
  readonly diskId: string;
  readonly familyId: string;
  image: PageImage | undefined;
  /** performance.timeOrigin + performance.now() at the moment the image was fixed. */
  instantMs: number | undefined;
  grant: OpenGrant | undefined;
}

/** What became of one snapshot request; stays when the snapshot is deleted. Milliseconds since the epoch. */
export interface SnapshotRecord {
  readonly snapshotId: string;
  readonly diskId: string;
  readonly acceptedMs: number;
  /** The moment whose content the snapshot has. */
  instantMs: number | undefined;
  /** When its operation ended. */
  endedMs: number | undefined;
  outcome: 'Succeeded' | 'Failed' | undefined;
}

/** A SAS handed out by beginGetAccess; whether it is still open, DiskExports knows. */
export interface OpenGrant {
  readonly grantId: string;
  readonly accessSas: string;
  readonly access: 'Read' | 'Write';
}

export interface RunCommandState {
  executionState:
    | 'Unknown'
    | 'Pending'
    | 'Running'
    | 'Failed'
    | 'Succeeded'
    | 'TimedOut'
    | 'Canceled';
  process: RunCommandProcess | undefined;
  exitCode: number | undefined;
  output: string;
  error: string;
  executionMessage: string;
  startTime: string | undefined;
  endTime: string | undefined;
}

export type PowerState =
  | 'running'
  | 'starting'
  | 'stopping'
  | 'stopped'
  | 'deallocating'
  | 'deallocated';

export interface VmState {
  power: PowerState;
  /** A write that is still going on; another one is refused with 409 Conflict. */
  busy: boolean;
  readonly createdAt: string;
}

/** A rule that refuses calls of one identity with 403, in place of missing role assignments. */
export interface Denial {
  readonly identity: string;
  /** Regular expression on the operation name, `snapshots\..*`. */
  readonly operation: string;
  /** Regular expression on the path. Default: any. */
  readonly pathPattern?: string;
}

/** Everything that ARM's handlers share. */
export interface ArmState {
  readonly subscriptionId: string;
  readonly tenantId: string;
  /** `https://127.0.0.1:PORT` of ARM, once it listens. */
  readonly origin: () => string;
  readonly regions: readonly RegionInfo[];
  readonly regionSwitch: SettableRegionSwitch;
  /** Replaced as a whole when a test changes something. */
  settings: ArmSettings;
  readonly random: SeededRandom;
  readonly secrets: SecretLedger;
  readonly resources: ResourceStore;
  readonly operations: LongRunningOperations;
  readonly storage: StorageService;
  readonly exports: DiskExports;
  readonly agent: GuestAgent;
  readonly createStore: (sizeBytes: number) => PageStore;
  /** By `idKey` of the resource. */
  readonly disks: Map<string, DiskContent>;
  readonly snapshots: Map<string, SnapshotContent>;
  /** In the order of their requests. */
  readonly snapshotRecords: SnapshotRecord[];
  readonly vms: Map<string, VmState>;
  readonly runCommands: Map<string, RunCommandState>;
  /** Ids (keys) under a CanNotDelete lock. */
  readonly locks: Set<string>;
  denials: readonly Denial[];
  /** How ARM answers for a region that is off. */
  offAnswer: '503' | 'hangup';
}

export function drawLatencyMs(state: ArmState, range: MillisecondRange): number {
  return state.random.integer(range.min, range.max);
}
