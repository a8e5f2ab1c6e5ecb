/** Names of everything that we store in a replica container or as a tag. docs/format.md is the text to it. */

export const chainBlobPath = (vmKey: string, diskKey: string, chainId: string): string =>
  `${vmKey}/${diskKey}/${chainId}.vhd`;

export const manifestPath = (vmKey: string, pointId: string): string =>
  `${vmKey}/points/${pointId}.json`;

/** The prefix under which a VM's manifests lie. */
export const manifestPrefix = (vmKey: string): string => `${vmKey}/points/`;

export const MANIFEST_PATH_PATTERN = /^([0-9a-f]{24})\/points\/(p-\d{8}T\d{6}Z-[0-9a-f]{8})\.json$/;

/** Container of a replica account in which restores make scratch page blobs. */
export const SCRATCH_CONTAINER = 'lockstep-scratch';
/** Container of the session account. */
export const SESSION_CONTAINER = 'guest-sessions';

/** Tags on every ARM resource that we make. A restored VM loses them when its run has ended well. */
export const TAGS = {
  format: 'lockstep-format',
  deployment: 'lockstep-deployment',
  vm: 'lockstep-vm',
  point: 'lockstep-point',
  disk: 'lockstep-disk',
  attempt: 'lockstep-attempt',
  run: 'lockstep-run',
} as const;

/** Metadata on chain blobs and their snapshots (blob metadata keys are identifiers: no dashes). */
export const BLOB_METADATA = {
  format: 'lockstepformat',
  deployment: 'lockstepdeployment',
  point: 'locksteppoint',
  disk: 'lockstepdisk',
  attempt: 'lockstepattempt',
} as const;

/** Tables of the catalog; docs/format.md has their keys. */
export const CATALOG_TABLES = {
  points: 'LockstepPoints',
  copies: 'LockstepCopies',
  runs: 'LockstepRuns',
  made: 'LockstepMade',
  doomed: 'LockstepDoomed',
  locks: 'LockstepLocks',
  vms: 'LockstepVms',
  facts: 'LockstepFacts',
  copyProgress: 'LockstepCopyProgress',
  grantHolders: 'LockstepGrantHolders',
} as const;
export type CatalogTableName = (typeof CATALOG_TABLES)[keyof typeof CATALOG_TABLES];
