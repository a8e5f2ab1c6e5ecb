import type { JsonObject } from '../arm/json.ts';
import type { ByteRange } from '../contracts.ts';

export interface ScenarioDisk {
  readonly name?: string;
  readonly sizeMiB: number;
  readonly caching?: 'None' | 'ReadOnly' | 'ReadWrite';
  readonly sku?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Default `/` for the OS disk, `/srv/data<lun>` for the others; false leaves the disk raw and empty. */
  readonly mountPoint?: string | false;
  /** Seeded files of the file system. Default 24 files, 4 MiB. */
  readonly files?: { readonly count: number; readonly totalMiB: number };
  /** Size of the area that the writers use; default 4. */
  readonly areaMiB?: number;
  readonly deleteOption?: 'Delete' | 'Detach';
}

/** A VM with its disks, file systems, network and guest, all in place at once. */
export interface VmScenario {
  readonly name: string;
  readonly resourceGroup: string;
  readonly region: string;
  readonly size?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly zones?: readonly string[];
  readonly identity?: JsonObject;
  readonly securityType?: 'Standard' | 'TrustedLaunch';
  readonly osType?: 'Linux' | 'Windows';
  readonly osDisk: ScenarioDisk;
  readonly dataDisks?: readonly (ScenarioDisk & { readonly lun: number })[];
  readonly publicIp?: boolean;
  /** Extensions that the VM shows under `resources`, as they come back from a GET. */
  readonly extensions?: readonly {
    readonly name: string;
    readonly publisher: string;
    readonly type: string;
    readonly typeHandlerVersion: string;
  }[];
  /** False makes a VM without a guest, hence without agent. Default true. */
  readonly guest?: boolean;
  readonly slotsPerVm?: number;
  readonly power?: 'running' | 'deallocated' | 'stopped';
}

export interface PlacedScenarioDisk {
  readonly lun: number;
  readonly name: string;
  readonly diskId: string;
  readonly sizeBytes: number;
  readonly mountPoint: string | undefined;
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
  readonly area: readonly ByteRange[];
}

export interface PlacedScenario {
  readonly vmId: string;
  readonly disks: readonly PlacedScenarioDisk[];
  readonly nicId: string;
  readonly subnetId: string;
  readonly securityGroupId: string;
  readonly publicIpId: string | undefined;
}
