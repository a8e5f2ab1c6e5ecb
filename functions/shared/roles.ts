/** Which functions each role registers. One app may play one role or all of them. */

export const ROLES = ['protect', 'move', 'expire', 'restore'] as const;
export type Role = (typeof ROLES)[number];

/**
 * An HTTP route belongs to the role whose work it starts; routes that only read the catalog belong
 * to both roles that people call.
 */
const FUNCTIONS_OF_ROLE: Readonly<Record<Role, readonly string[]>> = {
  protect: [
    'listVms',
    'listVmPoints',
    'listPoints',
    'getPoint',
    'getRun',
    'createPoint',
    'protectVm',
    'preparePoint',
    'snapshotInLockstep',
    'beginUncoordinatedSet',
    'snapshotDisk',
    'judgeUncoordinatedSet',
    'recordPoint',
    'failPoint',
    'endRun',
    'closeRun',
    'reconcileTick',
  ],
  move: [
    'moveTick',
    'replicateVm',
    'copyDisk',
    'takeNextCopy',
    'openDiskCopy',
    'copySlice',
    'sealDisk',
    'sealReplica',
    'abandonCopy',
    'releaseGrants',
    'endRun',
    'closeRun',
    'reconcileTick',
  ],
  expire: ['expireTick', 'expireDoomed', 'removeDoomed', 'endRun'],
  restore: [
    'listVms',
    'listVmPoints',
    'listPoints',
    'getPoint',
    'getRun',
    'createRestore',
    'startRebuild',
    'rebuildTick',
    'rebuildFromReplicas',
    'rebuildCatalog',
    'restoreVm',
    'verifyDisk',
    'verifyReplicaDisk',
    'markDamaged',
    'prepareRestore',
    'restoreDisk',
    'createNic',
    'createVm',
    'finishRestore',
    'undoRestore',
    'endRun',
    'closeRun',
    'reconcileTick',
  ],
};

/**
 * The roles that `LOCKSTEP_ROLES` names: a comma list, all when it is absent or empty. `unknown`
 * holds the words that are no role.
 */
export function parseRoles(text: string | undefined): {
  readonly roles: readonly Role[];
  readonly unknown: readonly string[];
} {
  const words = (text ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  if (words.length === 0) return { roles: ROLES, unknown: [] };
  const roles = ROLES.filter((role) => words.includes(role));
  const unknown = words.filter((word) => !ROLES.some((role) => role === word));
  return { roles, unknown };
}

/** Whether one of `roles` registers the function. */
export const isRegisteredFor = (roles: readonly Role[], functionName: string): boolean =>
  roles.some((role) => FUNCTIONS_OF_ROLE[role].includes(functionName));

/** Every function name that a role registers. */
export const functionsOf = (role: Role): readonly string[] => FUNCTIONS_OF_ROLE[role];
