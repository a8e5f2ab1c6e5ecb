import { type ControlCaller, createControlCaller } from '../guest/control-caller.ts';
import type { FileComparison } from '../images/inspect-image.ts';
import type { ImageFile } from '../images/seeded-files.ts';
import type { PageComparison } from './compare-with-journal.ts';
import type { ContentDigest } from './content-digest.ts';
import type { SecretSearch } from './search-secrets.ts';
import type { TornPairs } from './torn-pairs.ts';

/** Whose bytes are looked at. A page blob holds a VHD: its last 512 bytes are left out. */
export type ImageSource =
  | { readonly snapshotId: string }
  | { readonly diskId: string }
  | {
      readonly account: string;
      readonly container: string;
      readonly blob: string;
      /** The blob snapshot's time stamp; without it the blob itself. */
      readonly snapshot?: string;
    };

export interface SourceAtLun {
  /** Of the VM whose writers wrote the journal; -1 is the OS disk. */
  readonly lun: number;
  readonly source: ImageSource;
}

/**
 * An order number of the journal, the frozen instant of a guest session, or the moment at which the
 * platform fixed a managed snapshot.
 */
export type JournalInstant =
  | { readonly order: number }
  | { readonly session: string }
  | { readonly snapshotId: string };

/** The control routes `/evidence/*`, for tests and demos in another process. */
export interface EvidenceClient {
  /** `vmId` is the VM of the writers, whichever VM the images belong to. */
  tornPairs(vmId: string, disks: readonly SourceAtLun[]): Promise<TornPairs>;
  compare(
    vmId: string,
    disks: readonly SourceAtLun[],
    instant: JournalInstant,
  ): Promise<PageComparison & { readonly order: number }>;
  /** Of the journal replayed to the instant. */
  oracleDigest(
    vmId: string,
    lun: number,
    instant: JournalInstant,
  ): Promise<ContentDigest & { readonly order: number }>;
  /** Of an image as it is. */
  imageDigest(source: ImageSource): Promise<ContentDigest>;
  allocatedBytes(
    source: ImageSource,
  ): Promise<{ readonly sizeBytes: number; readonly allocatedBytes: number }>;
  changedBytes(
    vmId: string,
    lun: number,
    from: JournalInstant,
    to: JournalInstant,
  ): Promise<{ readonly changedBytes: number }>;
  /** Writes a sparse raw image; `file` is absolute. */
  exportImage(source: ImageSource, file: string): Promise<{ readonly sizeBytes: number }>;
  /** `e2fsck -fn` and the files' sums, on a temporary copy. */
  checkFileSystem(
    source: ImageSource,
    files?: readonly Pick<ImageFile, 'path' | 'sha256'>[],
  ): Promise<FileComparison & { readonly clean: boolean; readonly output: string }>;
  /** With `issued`, for all secrets that the local Azure has issued so far. */
  searchSecrets(options: {
    readonly directories?: readonly string[];
    readonly files?: readonly string[];
    readonly secrets?: readonly string[];
    readonly issued?: boolean;
  }): Promise<SecretSearch>;
}

/** `controlUrl` is the `control` of the line that the local Azure prints. */
export function createEvidenceClient(
  controlUrl: string,
  call: ControlCaller = createControlCaller(controlUrl),
): EvidenceClient {
  return {
    tornPairs: (vmId, disks) => call('POST', '/evidence/torn-pairs', { vmId, disks }),
    compare: (vmId, disks, instant) => call('POST', '/evidence/compare', { vmId, disks, instant }),
    oracleDigest: (vmId, lun, instant) =>
      call('POST', '/evidence/oracle-digest', { vmId, lun, instant }),
    imageDigest: (source) => call('POST', '/evidence/image-digest', { source }),
    allocatedBytes: (source) => call('POST', '/evidence/allocated-bytes', { source }),
    changedBytes: (vmId, lun, from, to) =>
      call('POST', '/evidence/changed-bytes', { vmId, lun, from, to }),
    exportImage: (source, file) => call('POST', '/evidence/export', { source, file }),
    checkFileSystem: (source, files) =>
      call('POST', '/evidence/check-file-system', { source, files }),
    searchSecrets: (options) => call('POST', '/evidence/search-secrets', options),
  };
}
