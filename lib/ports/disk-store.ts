import type { ArmBody } from '../catalog/vm-configuration.ts';
import type { Outcome } from '../outcome.ts';
import type { FoundResource } from './found-resource.ts';

/** A managed disk to be made; its size comes from the source. */
export interface DiskToMake {
  readonly diskId: string;
  readonly region: string;
  readonly sku: string;
  readonly zones: readonly string[];
  readonly osType?: 'Linux' | 'Windows';
  readonly hyperVGeneration?: string;
  readonly diskEncryptionSetId?: string;
  /** `{securityType}`; only for an OS disk. */
  readonly securityProfile?: ArmBody;
  readonly purchasePlan?: ArmBody;
  readonly supportedCapabilities?: ArmBody;
  /** Further properties as ARM names them: `networkAccessPolicy`, `tier`, … */
  readonly moreProperties: ArmBody;
  readonly tags: Readonly<Record<string, string>>;
}

export type DiskSource =
  /** A page blob with a fixed VHD, in the disk's region; never a blob snapshot. */
  | { readonly kind: 'blob'; readonly url: string; readonly storageAccountId: string }
  /** A managed snapshot in the disk's region. */
  | { readonly kind: 'snapshot'; readonly snapshotId: string };

/** Managed disks, for restores. Throws `ThrottledError`, `ConflictError`, or what a retry may cure. */
export interface DiskStore {
  findDisk(diskId: string): Promise<FoundResource | undefined>;
  findSnapshot(snapshotId: string): Promise<FoundResource | undefined>;
  /**
   * Makes the disk and waits until it is there. A refusal by the platform is `DiskRefused` with the
   * platform's own words. An existing disk of the name is the caller's business: look first.
   */
  createDisk(disk: DiskToMake, source: DiskSource): Promise<Outcome<void>>;
  /** All its tags. */
  replaceDiskTags(diskId: string, tags: Readonly<Record<string, string>>): Promise<void>;
  /** Waits until it is gone; fine when it was. */
  removeDisk(diskId: string): Promise<void>;
}
