/** The VM as it was at a point: enough to build it again without asking its region for anything. */

/** JSON as ARM answered it; kept beside the typed fields for what these leave out. */
export type ArmBody = Readonly<Record<string, unknown>>;

export interface CapturedDisk {
  readonly diskId: string;
  readonly diskUniqueId: string;
  readonly name: string;
  /** -1 for the OS disk. */
  readonly lun: number;
  readonly sizeBytes: number;
  /** `Premium_LRS`, `StandardSSD_LRS`, … */
  readonly sku: string;
  readonly caching: 'None' | 'ReadOnly' | 'ReadWrite';
  readonly writeAcceleratorEnabled: boolean;
  readonly deleteOption?: string;
  readonly zones: readonly string[];
  readonly osType?: 'Linux' | 'Windows';
  readonly hyperVGeneration?: string;
  readonly logicalSectorSize?: number;
  readonly diskEncryptionSetId?: string;
  readonly securityProfile?: ArmBody;
  readonly purchasePlan?: ArmBody;
  readonly supportedCapabilities?: ArmBody;
  readonly tags: Readonly<Record<string, string>>;
}

export interface CapturedIpConfiguration {
  readonly name: string;
  readonly primary: boolean;
  readonly subnetId: string;
  readonly privateIpAddress?: string;
  readonly privateIpAllocation: 'Static' | 'Dynamic';
  readonly publicIpId?: string;
}

export interface CapturedNic {
  readonly nicId: string;
  readonly name: string;
  readonly primary: boolean;
  readonly deleteOption?: string;
  readonly networkSecurityGroupId?: string;
  readonly acceleratedNetworking: boolean;
  readonly ipForwarding: boolean;
  readonly dnsServers: readonly string[];
  readonly ipConfigurations: readonly CapturedIpConfiguration[];
  readonly tags: Readonly<Record<string, string>>;
}

export interface VmConfiguration {
  readonly vmId: string;
  readonly vmUniqueId: string;
  readonly name: string;
  readonly resourceGroup: string;
  readonly region: string;
  readonly size: string;
  readonly zones: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly osType: 'Linux' | 'Windows';
  /** `TrustedLaunch`, `ConfidentialVM`, `Standard`; the guest state itself is not captured. */
  readonly securityProfile?: ArmBody;
  readonly licenseType?: string;
  readonly plan?: ArmBody;
  readonly identity?: ArmBody;
  readonly imageReference?: ArmBody;
  readonly diagnosticsProfile?: ArmBody;
  readonly extensions: readonly ArmBody[];
  /** OS disk first, then by LUN. */
  readonly disks: readonly CapturedDisk[];
  /** Primary first. */
  readonly nics: readonly CapturedNic[];
  readonly raw: {
    readonly vm: ArmBody;
    readonly disks: readonly ArmBody[];
    readonly nics: readonly ArmBody[];
  };
}
