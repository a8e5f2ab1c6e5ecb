import type { Manifest } from '../catalog/manifest.ts';
import type { CopyState } from '../catalog/point-copy.ts';
import type { RestorePoint } from '../catalog/restore-point.ts';
import type { Subnet } from '../ports/network-inventory.ts';

/** One copy of the point, as it was found. */
export interface CopyFacts {
  /** `primary`, or the name of the replica target. */
  readonly copy: string;
  /** Where disks restored from it lie. */
  readonly region: string;
  /** State of its row; `unlisted` when a manifest exists without a row. */
  readonly state: CopyState | 'unlisted';
  readonly stateReason?: string;
  /** Why it cannot be restored from, although its row says sealed. */
  readonly problem?: { readonly errorCode: string; readonly message: string };
  /** Of a replica that can be restored from. */
  readonly manifest?: Manifest;
}

/** What stands where the restore wants to go. Keys of maps are ids in lower case. */
export interface DestinationFacts {
  /** ARM id of the resource group, and whether it exists. */
  readonly resourceGroupId: string;
  readonly resourceGroupExists: boolean;
  /** Subnets that were looked for; absent: they do not exist. */
  readonly subnets: ReadonlyMap<string, Subnet>;
  /** Region of each network security group that was looked for and exists. */
  readonly networkSecurityGroupRegions: ReadonlyMap<string, string>;
  /** Ids that are taken. */
  readonly takenIds: ReadonlySet<string>;
  /** Undefined: unknown. */
  readonly zones?: readonly string[];
  readonly sizeIsOffered?: boolean;
  /** Region of the replica's storage account; absent for the primary. */
  readonly storageAccount?: { readonly id: string; readonly region?: string };
}

export interface PlanInput {
  readonly point: RestorePoint;
  readonly chosen: CopyFacts;
  readonly sourceReason: string;
  readonly destination: DestinationFacts;
}
