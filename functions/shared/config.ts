import { Ajv, type ErrorObject } from 'ajv';
import { BackupError } from '../../lib/errors.ts';
import { parseRoles, ROLES, type Role } from './roles.ts';

/** The only reader of the process's environment. README and local.settings.sample.json list the settings. */

/** An account and container that replicas are copied to. */
export interface ReplicaTarget {
  /** Name of the copy in the catalog and in requests: `paired`. */
  readonly name: string;
  readonly region: string;
  readonly blobEndpoint: string;
  readonly container: string;
  /** ARM id of the storage account: restores import disks from it. */
  readonly storageAccountId: string;
}

export type CopyMover = 'verified' | 'server' | 'streamed';

export interface Settings {
  readonly roles: readonly Role[];
  readonly subscriptionId: string;
  readonly deploymentId: string;
  readonly armEndpoint: string;
  readonly homeRegion: string;
  readonly catalogTableEndpoint: string;
  /** Absent in an app that neither protects nor expires. */
  readonly snapshotResourceGroup?: string;
  readonly sessionBlobEndpoint?: string;
  readonly replicaTargets: readonly ReplicaTarget[];
  readonly restoreResourceGroup?: string;
  readonly restoreSubnetId?: string;
  readonly copyMover: CopyMover;
  /** How long a guest has for its first answer, in milliseconds; absent: the default. */
  readonly guestTimeoutMs?: number;
  readonly identityClientId?: string;
  /** Whether the platform offers a managed identity to this process. */
  readonly hasManagedIdentity: boolean;
}

/** A setting that is missing or wrong. Its message names each of them and says what to do. */
export class SettingInvalid extends BackupError {
  constructor(problems: readonly string[], target: string) {
    super('SettingInvalid', `The app is not set up: ${problems.join('; ')}`, { target });
    this.name = 'SettingInvalid';
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

interface SettingRule {
  readonly name: string;
  readonly pattern: RegExp;
  /** Completes `LOCKSTEP_X must be …`. */
  readonly expected: string;
  /** The roles that cannot work without it; none: it is optional. */
  readonly neededBy: readonly Role[];
}

const HTTPS_URL = /^https:\/\/[^\s?#]+$/;
const RULES: readonly SettingRule[] = [
  {
    name: 'LOCKSTEP_SUBSCRIPTION_ID',
    pattern: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
    expected: 'the id of the subscription, a GUID',
    neededBy: ROLES,
  },
  {
    name: 'LOCKSTEP_DEPLOYMENT_ID',
    pattern: /^[a-z0-9](-?[a-z0-9])*$/,
    expected: 'lower-case letters, digits and single dashes, at most 40',
    neededBy: ROLES,
  },
  {
    name: 'LOCKSTEP_ARM_ENDPOINT',
    pattern: HTTPS_URL,
    expected: 'an https URL without query, such as https://management.azure.com',
    neededBy: [],
  },
  {
    name: 'LOCKSTEP_HOME_REGION',
    pattern: /^[a-z0-9]+$/,
    expected: 'the name of an Azure region, such as westeurope',
    neededBy: ROLES,
  },
  {
    name: 'LOCKSTEP_CATALOG_TABLE_ENDPOINT',
    pattern: HTTPS_URL,
    expected: 'the https table endpoint of the catalog account',
    neededBy: ROLES,
  },
  {
    name: 'LOCKSTEP_SNAPSHOT_RESOURCE_GROUP',
    pattern: /^[-\w.()]{1,90}$/,
    expected: 'the name of the resource group for snapshots',
    neededBy: ['protect', 'expire'],
  },
  {
    name: 'LOCKSTEP_SESSION_BLOB_ENDPOINT',
    pattern: HTTPS_URL,
    expected: 'the https blob endpoint of the session account',
    neededBy: ['protect', 'expire'],
  },
  {
    name: 'LOCKSTEP_RESTORE_RESOURCE_GROUP',
    pattern: /^[-\w.()]{1,90}$/,
    expected: 'the name of the resource group that restores go to by default',
    neededBy: [],
  },
  {
    name: 'LOCKSTEP_RESTORE_SUBNET_ID',
    pattern:
      /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Network\/virtualNetworks\/[^/]+\/subnets\/[^/]+$/i,
    expected: 'the resource id of the subnet that restores go to by default',
    neededBy: [],
  },
  {
    // One activity waits for the guest and for the snapshots, five minutes in all.
    name: 'LOCKSTEP_GUEST_TIMEOUT_S',
    pattern: /^([5-9]|[1-9]\d|1[0-7]\d|180)$/,
    expected: 'whole seconds from 5 to 180',
    neededBy: [],
  },
  {
    name: 'LOCKSTEP_COPY_MOVER',
    pattern: /^(verified|server|streamed)$/,
    expected: 'verified, server or streamed',
    neededBy: [],
  },
];

const TARGETS_SETTING = 'LOCKSTEP_REPLICA_TARGETS';
const validateTargets = new Ajv({ allErrors: true }).compile<ReplicaTarget[]>({
  type: 'array',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'region', 'blobEndpoint', 'container', 'storageAccountId'],
    properties: {
      // `primary` is the name of the snapshots in the VM's own region.
      name: { type: 'string', pattern: '^(?!primary$)[a-z0-9](-?[a-z0-9])*$', maxLength: 40 },
      region: { type: 'string', pattern: '^[a-z0-9]+$' },
      blobEndpoint: { type: 'string', pattern: '^https://[^\\s?#]+$' },
      container: { type: 'string', pattern: '^[a-z0-9](-?[a-z0-9]){2,62}$' },
      storageAccountId: {
        type: 'string',
        pattern: '^/subscriptions/[^/]+/.+/storageAccounts/[^/]+$',
      },
    },
  },
});

const describeTargetError = (error: ErrorObject): string =>
  `${TARGETS_SETTING}${error.instancePath} ${error.message ?? 'is wrong'}`;

function parseTargets(text: string | undefined, problems: string[]): readonly ReplicaTarget[] {
  if (text === undefined) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    problems.push(`${TARGETS_SETTING} must be a JSON array of replica targets`);
    return [];
  }
  if (!validateTargets(value)) {
    problems.push(...(validateTargets.errors ?? []).map(describeTargetError));
    return [];
  }
  const names = value.map((target) => target.name);
  if (new Set(names).size < names.length) {
    problems.push(`${TARGETS_SETTING} must not use one name twice`);
  }
  return value;
}

/**
 * Reads and checks every setting. Throws `SettingInvalid` with all that is wrong at once; never at
 * import, since an error there takes every function of the app away.
 */
export function readSettings(env: Environment = process.env): Settings {
  const problems: string[] = [];
  const wrong: string[] = [];
  const { roles, unknown } = parseRoles(env['LOCKSTEP_ROLES']);
  if (unknown.length > 0) {
    wrong.push('LOCKSTEP_ROLES');
    problems.push(
      `LOCKSTEP_ROLES must be a comma list of ${ROLES.join(', ')}; it names ${unknown.join(', ')}`,
    );
  }
  const values = new Map<string, string>();
  for (const { name, pattern, expected, neededBy } of RULES) {
    const value = settingOf(env, name);
    if (value === undefined) {
      const role = neededBy.find((needing) => roles.includes(needing));
      if (role === undefined) continue;
      wrong.push(name);
      problems.push(`${name} is missing; it must be ${expected}`);
    } else if (pattern.test(value)) {
      values.set(name, value);
    } else {
      wrong.push(name);
      problems.push(`${name} must be ${expected}`);
    }
  }
  const before = problems.length;
  const replicaTargets = parseTargets(settingOf(env, TARGETS_SETTING), problems);
  if (problems.length > before) wrong.push(TARGETS_SETTING);
  if (problems.length > 0) throw new SettingInvalid(problems, wrong[0] ?? 'settings');

  const required = (name: string): string => values.get(name) ?? '';
  const snapshotResourceGroup = values.get('LOCKSTEP_SNAPSHOT_RESOURCE_GROUP');
  const sessionBlobEndpoint = values.get('LOCKSTEP_SESSION_BLOB_ENDPOINT');
  const restoreResourceGroup = values.get('LOCKSTEP_RESTORE_RESOURCE_GROUP');
  const restoreSubnetId = values.get('LOCKSTEP_RESTORE_SUBNET_ID');
  const guestTimeoutSeconds = values.get('LOCKSTEP_GUEST_TIMEOUT_S');
  const identityClientId = settingOf(env, 'AZURE_CLIENT_ID');
  return {
    roles,
    subscriptionId: required('LOCKSTEP_SUBSCRIPTION_ID'),
    deploymentId: required('LOCKSTEP_DEPLOYMENT_ID'),
    armEndpoint: values.get('LOCKSTEP_ARM_ENDPOINT') ?? 'https://management.azure.com',
    homeRegion: required('LOCKSTEP_HOME_REGION'),
    catalogTableEndpoint: required('LOCKSTEP_CATALOG_TABLE_ENDPOINT'),
    ...(snapshotResourceGroup === undefined ? {} : { snapshotResourceGroup }),
    ...(sessionBlobEndpoint === undefined ? {} : { sessionBlobEndpoint }),
    replicaTargets,
    ...(restoreResourceGroup === undefined ? {} : { restoreResourceGroup }),
    ...(restoreSubnetId === undefined ? {} : { restoreSubnetId }),
    copyMover: (values.get('LOCKSTEP_COPY_MOVER') ?? 'verified') as CopyMover,
    ...(guestTimeoutSeconds === undefined
      ? {}
      : { guestTimeoutMs: Number(guestTimeoutSeconds) * 1000 }),
    ...(identityClientId === undefined ? {} : { identityClientId }),
    hasManagedIdentity: settingOf(env, 'IDENTITY_ENDPOINT') !== undefined,
  };
}

/** An empty setting counts as absent: the portal writes empty strings. */
const settingOf = (env: Environment, name: string): string | undefined => {
  const value = env[name]?.trim();
  return value === undefined || value === '' ? undefined : value;
};

/**
 * The roles whose functions this app registers: the only setting that is read at import. When it
 * is wrong, every function is registered, and each refuses with `SettingInvalid`.
 */
export function registeredRoles(env: Environment = process.env): readonly Role[] {
  const { roles, unknown } = parseRoles(env['LOCKSTEP_ROLES']);
  return unknown.length > 0 ? ROLES : roles;
}
