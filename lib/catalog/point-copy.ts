/**
 * One copy of a restore point: its snapshots in the VM's region (`primary`), or a replica target.
 *
 * pending -> copying -> sealed -> damaged | expiring -> gone
 * pending -> skipped;  copying -> pending (the run died);  damaged -> expiring
 *
 * Only a sealed copy can be restored.
 */
export const COPY_STATES = [
  'pending',
  'copying',
  'sealed',
  'damaged',
  'expiring',
  'gone',
  'skipped',
] as const;
export type CopyState = (typeof COPY_STATES)[number];

export const PRIMARY_COPY = 'primary';

export interface PointCopy {
  readonly formatVersion: 1;
  readonly vmKey: string;
  readonly pointId: string;
  /** `primary`, or the name of a replica target. */
  readonly copy: string;
  readonly state: CopyState;
  /** Why it is skipped, damaged, expiring, or pending again. */
  readonly reason?: string;
  readonly updatedAtUtc: string;
  /** Blob path of the manifest inside the target's container; replicas only, once sealed. */
  readonly manifestPath?: string;
  readonly copiedBytes?: number;
}

const LEGAL: Readonly<Record<CopyState, readonly CopyState[]>> = {
  pending: ['copying', 'skipped'],
  copying: ['sealed', 'pending'],
  sealed: ['damaged', 'expiring'],
  damaged: ['expiring'],
  expiring: ['gone'],
  gone: [],
  skipped: [],
};

/** Whether a copy may go from one state to the other. The primary starts as sealed. */
export const copyMayBecome = (from: CopyState, to: CopyState): boolean => LEGAL[from].includes(to);
