/**
 * What the parts of the local Azure need from each other. Sizes and offsets are bytes; disks, page
 * blobs and snapshots are made of 512-byte sectors.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';

export const SECTOR_BYTES = 512;

/** `end` is exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A range that differs between two images: written, or cleared (reads as zeros, not allocated). */
export interface ChangedRange extends ByteRange {
  readonly kind: 'write' | 'clear';
}

/** The content of a disk, page blob or snapshot at one moment; never changes. */
export interface PageImage {
  readonly sizeBytes: number;
  /** Zeros where nothing was written. */
  read(offset: number, lengthBytes: number): Buffer;
  /** Allocated ranges inside `window` (default: everything), ascending, neighbours joined. */
  allocatedRanges(window?: ByteRange): ByteRange[];
  /**
   * What was written or cleared since `previous`, which must be an earlier image of the same store
   * (or of a store forked from it). A sector rewritten with the same bytes counts as written, as on
   * Azure. Ascending, neighbours of one kind joined.
   */
  changedSince(previous: PageImage, window?: ByteRange): ChangedRange[];
  /** A store of its own that starts with this content. Copy on write: costs nothing until written. */
  fork(): PageStore;
}

/** Mutable, sparse content. All calls are synchronous and take effect at once. */
export interface PageStore {
  readonly sizeBytes: number;
  read(offset: number, lengthBytes: number): Buffer;
  /** Offset and length must be multiples of 512 and inside the size: RangeError otherwise. */
  write(offset: number, data: Uint8Array): void;
  clear(offset: number, lengthBytes: number): void;
  resize(sizeBytes: number): void;
  allocatedRanges(window?: ByteRange): ByteRange[];
  /** The content now, in time proportional to the number of 64 KiB chunks at most. */
  snapshot(): PageImage;
}

export type ServiceName = 'arm' | 'blob' | 'table' | 'queue' | 'disk' | 'identity';

/** What a request asks for, as the request log and the faults name it. */
export interface RequestDescription {
  /** For example `Put Page From URL`, `snapshots.createOrUpdate`. */
  readonly operation?: string;
  /** Overrides the region of the server: ARM has one origin for all regions. */
  readonly region?: string;
  /** Name of the managed identity whose token came along. */
  readonly identity?: string;
}

/** One HTTPS server with the request log, the faults and the region switch in front of its handler. */
export interface Front {
  readonly service: ServiceName;
  readonly port: number;
  /** `https://127.0.0.1:PORT` */
  readonly origin: string;
  close(): Promise<void>;
}

export interface FrontOptions {
  readonly service: ServiceName;
  /** The region whose switch-off makes this server drop every connection; ARM has none. */
  readonly region?: string;
  /** 0 takes a free port. */
  readonly port?: number;
  /** Names the request for the log and the faults; must not touch the body. */
  describe?(request: IncomingMessage): RequestDescription;
  /** May answer at any later time; a thrown error becomes a 500 that is written to the error log. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void> | void;
}

/** Made by `test/local-azure/front/`, used by ARM and storage alike. */
export interface FrontFactory {
  start(options: FrontOptions): Promise<Front>;
  /** PEM of the one self-signed certificate of this run (127.0.0.1, localhost). */
  readonly certificatePem: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface RegionSwitch {
  isOff(region: string): boolean;
}

/** Records every secret that the local Azure issues, so that a test can search for them elsewhere. */
export interface SecretLedger {
  /** `value` is the bare secret: a `sig` value (decoded), a token, a key. */
  issued(kind: 'sas-signature' | 'token' | 'account-key' | 'function-key', value: string): void;
}

/** Storage accounts, as ARM needs them. Made by `test/local-azure/storage/`. */
export interface StorageService {
  /**
   * The newest content of a page blob given by its URL (for disk Import), and why not otherwise:
   * missing, not a page blob, a snapshot URL (Azure imports no snapshots), another region's account.
   */
  readPageBlobForImport(
    blobUrl: string,
    region: string,
  ): { readonly image: PageImage } | { readonly problem: string };
  /** Resource ids of the accounts are `/subscriptions/…/storageAccounts/<name>`. */
  accountRegion(name: string): string | undefined;
  /** Every container, blob, blob snapshot, lease: for the inventory. */
  inventory(): Promise<readonly StorageInventoryItem[]>;
  close(): Promise<void>;
}

export interface StorageInventoryItem {
  readonly kind: 'container' | 'blob' | 'blob-snapshot' | 'lease' | 'uncommitted-blob';
  readonly account: string;
  readonly region: string;
  /** `container/blob[?snapshot=…]` */
  readonly path: string;
  readonly sizeBytes?: number;
}

/** SAS access to managed disks and snapshots. Made by `test/local-azure/storage/`, called by ARM. */
export interface DiskExports {
  /**
   * Opens read access. The data served is `image` followed by a 512-byte fixed VHD footer. The URL
   * looks like a real one: `…/md-<id>/…/abcd?snapshot=…&sv=2018-03-28&sr=b&si=<id>&sig=…`, no `se`.
   */
  grantRead(options: {
    readonly region: string;
    readonly resourceId: string;
    readonly image: PageImage;
    /** Images with one family can be compared with `x-ms-previous-snapshot-url`. */
    readonly familyId: string;
    readonly durationSeconds: number;
    readonly isSnapshot: boolean;
  }): { readonly grantId: string; readonly accessSas: string };
  /** Opens write access to a disk made for upload; its store includes the footer's 512 bytes. */
  grantWrite(options: {
    readonly region: string;
    readonly resourceId: string;
    readonly store: PageStore;
    readonly durationSeconds: number;
  }): { readonly grantId: string; readonly accessSas: string };
  revoke(grantId: string): void;
  /** Grants neither revoked nor expired. */
  open(): readonly { readonly grantId: string; readonly resourceId: string }[];
}

/** A managed run command as it reaches the VM. */
export interface RunCommandRequest {
  readonly vmId: string;
  readonly name: string;
  readonly script: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly protectedParameters: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
}

export interface RunCommandProcess {
  /** Settles when the script ends. */
  readonly finished: Promise<{
    readonly exitCode: number;
    readonly output: string;
    readonly error: string;
  }>;
  /** SIGKILL to the script's process group, as deleting the run command resource does. */
  kill(): void;
}

/** The VM's agent. Made by `test/local-azure/guest/`, called by ARM. */
export interface GuestAgent {
  /** `vmAgent` of the instance view: a guest without agent never runs anything. */
  agentStatus(vmId: string): 'Ready' | 'Unavailable' | 'None';
  runCommand(request: RunCommandRequest): RunCommandProcess;
  /** Told by ARM when a VM stops or starts; nothing happens for a VM without a guest. */
  powerOff(vmId: string): Promise<void>;
  powerOn(vmId: string): void;
}

/** ARM's resources, as the guest and the evidence need them. Made by `test/local-azure/arm/`. */
export interface ComputeInventory {
  /** The live content of a managed disk; undefined when there is none of that id. */
  diskStore(diskId: string): PageStore | undefined;
  /** The content of a snapshot, and the moment it was fixed. */
  snapshotImage(
    snapshotId: string,
  ): { readonly image: PageImage; readonly instantMs: number; readonly diskId: string } | undefined;
  /** Disks of a VM: `lun` -1 is the OS disk. */
  vmDisks(vmId: string): readonly { readonly lun: number; readonly diskId: string }[];
}
