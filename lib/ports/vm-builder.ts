import type { ArmBody } from '../catalog/vm-configuration.ts';
import type { Outcome } from '../outcome.ts';
import type { FoundResource } from './found-resource.ts';

export interface NicToMake {
  readonly nicId: string;
  readonly region: string;
  readonly acceleratedNetworking: boolean;
  readonly ipForwarding: boolean;
  readonly dnsServers: readonly string[];
  readonly networkSecurityGroupId?: string;
  readonly ipConfigurations: readonly {
    readonly name: string;
    readonly primary: boolean;
    readonly subnetId: string;
    /** Given: static. Absent: the platform chooses. */
    readonly staticAddress?: string;
  }[];
  readonly tags: Readonly<Record<string, string>>;
}

export interface DiskToAttach {
  readonly diskId: string;
  /** -1 for the OS disk. */
  readonly lun: number;
  readonly caching: 'None' | 'ReadOnly' | 'ReadWrite';
  readonly writeAcceleratorEnabled: boolean;
  readonly deleteOption?: string;
}

/** A VM of existing disks and NICs. It starts when it is made; Azure knows no other way. */
export interface VmToMake {
  readonly vmId: string;
  readonly region: string;
  readonly size: string;
  readonly zones: readonly string[];
  readonly osType: 'Linux' | 'Windows';
  /** OS disk first. */
  readonly disks: readonly DiskToAttach[];
  /** Primary first. */
  readonly nics: readonly {
    readonly nicId: string;
    readonly primary: boolean;
    readonly deleteOption?: string;
  }[];
  readonly securityProfile?: ArmBody;
  readonly licenseType?: string;
  readonly plan?: ArmBody;
  readonly identity?: ArmBody;
  readonly diagnosticsProfile?: ArmBody;
  /** Further properties of the VM, as ARM names them: `additionalCapabilities`, `priority`, … */
  readonly moreProperties: ArmBody;
  readonly tags: Readonly<Record<string, string>>;
}

/** NICs and VMs, for restores. Throws `ThrottledError`, `ConflictError`, or what a retry may cure. */
export interface VmBuilder {
  findNic(nicId: string): Promise<FoundResource | undefined>;
  /** Waits until it is there. A refusal by the platform is `NicRefused` with the platform's words. */
  createNic(nic: NicToMake): Promise<Outcome<void>>;
  replaceNicTags(nicId: string, tags: Readonly<Record<string, string>>): Promise<void>;
  /** Waits until it is gone; fine when it was. */
  removeNic(nicId: string): Promise<void>;

  findVm(vmId: string): Promise<FoundResource | undefined>;
  /** Waits until it runs. A refusal by the platform is `VmRefused` with the platform's words. */
  createVm(vm: VmToMake): Promise<Outcome<void>>;
  replaceVmTags(vmId: string, tags: Readonly<Record<string, string>>): Promise<void>;
  /** Waits until it is gone, and with it whatever its deleteOptions say; fine when it was. */
  removeVm(vmId: string): Promise<void>;
}
