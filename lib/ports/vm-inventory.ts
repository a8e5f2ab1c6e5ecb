import type { VmConfiguration } from '../catalog/vm-configuration.ts';

/** A disk as the VM's own storage profile names it; not every such disk can be backed up. */
export interface AttachedDisk {
  /** -1 for the OS disk. */
  readonly lun: number;
  readonly name: string;
  /** Absent for a disk that is no managed disk resource (a VHD blob). */
  readonly diskId?: string;
  /** On the host's local storage: it has no content that a snapshot could hold. */
  readonly ephemeral: boolean;
  /** How many VMs may attach it at once; more than 1 is a shared disk. */
  readonly maxShares: number;
}

export interface VmReading {
  /** Holds the managed disks only; `attachedDisks` names all. */
  readonly configuration: VmConfiguration;
  /** OS disk first, then by LUN. */
  readonly attachedDisks: readonly AttachedDisk[];
  /** `running`, `deallocated`, `stopped`, `starting`, …; `unknown` when the platform says nothing. */
  readonly powerState: string;
  /** What the platform last heard of the VM's agent. */
  readonly agentState: 'ready' | 'notReady';
  /** The platform's words about the agent, for people. */
  readonly agentDetail: string;
}

/** Who is attached where, to see whether a set still is the VM's. */
export interface DiskIdentity {
  readonly lun: number;
  readonly diskId: string;
  /** Another disk of the same name has another unique id. */
  readonly diskUniqueId: string;
}

/** Virtual machines with their disks and NICs, as the control plane tells them. */
export interface VmInventory {
  /**
   * Everything about one VM, read now; undefined when there is no such VM. `vmId` is the ARM id in any
   * case. Throws `ThrottledError`, or `BackupError` for what a retry may cure or a person must.
   */
  readVm(vmId: string): Promise<VmReading | undefined>;
  /** The managed disks that are attached now, OS disk first; undefined when there is no such VM. */
  readDisks(vmId: string): Promise<readonly DiskIdentity[] | undefined>;
}
