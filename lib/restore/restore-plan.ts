import type { ArmBody } from '../catalog/vm-configuration.ts';
import type { Refusal } from '../outcome.ts';

/** Which copy of which point a restore reads. Every step is told, and reads the rest again itself. */
export interface RestoreOrigin {
  readonly vmKey: string;
  readonly pointId: string;
  readonly source: 'primary' | 'replica';
  /** Name of the replica target. */
  readonly target?: string;
  /** Where the disks lie, and the VM is made; lower case. */
  readonly region: string;
}

interface Step {
  readonly id: string;
  /** One sentence for people. */
  readonly what: string;
  readonly reason: string;
}

/** Read the sealed copy and compare its digest before anything is made of it. */
export interface VerifyDiskStep extends Step {
  readonly kind: 'verifyDisk';
  readonly diskKey: string;
  readonly target: string;
  readonly sizeBytes: number;
}

export interface RestoreDiskStep extends Step {
  readonly kind: 'restoreDisk';
  readonly diskKey: string;
  readonly lun: number;
  readonly sizeBytes: number;
  /** Of the disk to be made. */
  readonly diskId: string;
  readonly zones: readonly string[];
  /** Whether the digest must have been compared before. */
  readonly mustBeVerified: boolean;
  /** Left out: encrypted with the platform's key. */
  readonly diskEncryptionSetId?: string;
  /** Who may export the disk, performance tier: as captured, as far as the region allows. */
  readonly moreProperties: ArmBody;
}

export interface CreateNicStep extends Step {
  readonly kind: 'createNic';
  /** The captured NIC, by its index. */
  readonly nicIndex: number;
  readonly nicId: string;
  readonly networkSecurityGroupId?: string;
  readonly addresses: readonly {
    readonly name: string;
    readonly primary: boolean;
    readonly subnetId: string;
    readonly staticAddress?: string;
  }[];
}

export interface CreateVmStep extends Step {
  readonly kind: 'createVm';
  readonly vmId: string;
  readonly size: string;
  readonly zones: readonly string[];
  readonly disks: readonly { readonly diskKey: string; readonly diskId: string }[];
  readonly nics: readonly { readonly nicIndex: number; readonly nicId: string }[];
  /** Whether boot diagnostics go to the platform's own account instead of the captured one. */
  readonly managedBootDiagnostics: boolean;
}

/** Drop our tags, remove scratch, release the lease: from here on it is the user's. */
export interface FinishRestoreStep extends Step {
  readonly kind: 'finishRestore';
}

export type RestoreStep =
  | VerifyDiskStep
  | RestoreDiskStep
  | CreateNicStep
  | CreateVmStep
  | FinishRestoreStep;

export interface RestoreWarning {
  readonly code: string;
  readonly message: string;
  readonly target?: string;
}

export interface RestorePlan {
  readonly origin: RestoreOrigin;
  /** Of the VM at the point. */
  readonly vmName: string;
  readonly achievedLabel: string;
  /** Why this copy. */
  readonly sourceReason: string;
  /** ARM id of the VM to be made. */
  readonly vmId: string;
  readonly resourceGroup: string;
  /** In this order; those of one kind can go at once. */
  readonly steps: readonly RestoreStep[];
  readonly warnings: readonly RestoreWarning[];
}

/** Why a restore cannot be: a refusal that carries all of them. */
export interface RestoreRefusal extends Refusal {
  readonly refusals: readonly Refusal[];
}

/** One refusal that says them all; the list must not be empty. */
export const refuseRestore = (refusals: readonly Refusal[]): RestoreRefusal => {
  const [first] = refusals;
  if (first === undefined) throw new Error('a refused restore needs a reason');
  return { ...first, message: refusals.map((one) => one.message).join(' '), refusals };
};
