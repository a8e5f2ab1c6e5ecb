import { createHash } from 'node:crypto';

/** Every identifier that we make. docs/format.md describes them; nothing else builds or parses one. */

const hashHex = (text: string, digits: number): string =>
  createHash('sha256').update(text, 'utf8').digest('hex').slice(0, digits);

/**
 * A VM, 24 hex digits. A re-created VM of the same name has another unique id, so it is another VM.
 * `resourceId` in any case; `vmUniqueId` is `properties.vmId` of the VM.
 */
export const vmKeyOf = (resourceId: string, vmUniqueId: string): string =>
  hashHex(`${resourceId.toLowerCase()}\n${vmUniqueId.toLowerCase()}`, 24);

/** A disk by its resource id, 16 hex digits; a replaced disk of the same name starts a new chain. */
export const diskKeyOf = (diskId: string): string => hashHex(diskId.toLowerCase(), 16);

const compactUtc = (at: Date): string => `${at.toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;

/** `p-20261123T181501Z-1a2b3c4d`: sorts by time; `randomHex` has 8 digits. */
export const pointIdOf = (at: Date, randomHex: string): string =>
  `p-${compactUtc(at)}-${randomHex}`;

export const POINT_ID_PATTERN = /^p-\d{8}T\d{6}Z-[0-9a-f]{8}$/;
export const VM_KEY_PATTERN = /^[0-9a-f]{24}$/;
export const DISK_KEY_PATTERN = /^[0-9a-f]{16}$/;

export type RunKind = 'protect' | 'replicate' | 'restore' | 'expire';

/** `protect-<vmKey>-20261123T181501Z-1a2b3c`: names the VM, so that its row can be found. */
export const runIdOf = (kind: RunKind, vmKey: string, at: Date, randomHex: string): string =>
  `${kind}-${vmKey}-${compactUtc(at)}-${randomHex}`;

export const RUN_ID_PATTERN =
  /^(protect|replicate|restore|expire)-([0-9a-f]{24})-\d{8}T\d{6}Z-[0-9a-f]{6}$/;

/** The VM's key inside a run id; undefined when the text is no run id. */
export const vmKeyOfRun = (runId: string): string | undefined => RUN_ID_PATTERN.exec(runId)?.[2];

/** Snapshot names tell attempts apart: a retry never meets the snapshots of the try before it. */
export const snapshotNameOf = (diskKey: string, pointId: string, attempt: string): string =>
  `ls-${diskKey}-${pointId.slice(2)}-${attempt}`;
