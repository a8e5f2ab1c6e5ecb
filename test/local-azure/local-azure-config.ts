import { readFileSync } from 'node:fs';

export interface RegionConfig {
  readonly name: string;
  readonly paired?: string;
}

export interface AccountConfig {
  readonly name: string;
  readonly region: string;
}

export interface RangeConfig {
  readonly min: number;
  readonly max: number;
}

/** Every field may be left out of the configuration file; times are in milliseconds. */
export interface LocalAzureConfig {
  readonly seed?: string | number;
  /** Where certificate, key and Azurite's data go. Default: a new directory under the system's temporary one, removed at the end. */
  readonly directory?: string;
  /** Default: westeurope and northeurope, paired. */
  readonly regions?: readonly RegionConfig[];
  /** Names of managed identities. Default: protect and restore. */
  readonly identities?: readonly string[];
  /** Default: one account per region, `<region>data`; an empty list starts no storage at all. */
  readonly accounts?: readonly AccountConfig[];
  readonly snapshotLatencyMs?: RangeConfig;
  readonly operationLatencyMs?: RangeConfig;
  readonly vmLatencyMs?: RangeConfig;
  readonly runCommandLatencyMs?: RangeConfig;
  readonly agentTimeoutMs?: number;
  /** Default true: Retry-After of the first answer as recorded on Azure. */
  readonly sendRetryAfter?: boolean;
  /** Retry-After of poll replies, whole seconds. Default: none. */
  readonly pollRetryAfterSeconds?: number;
  readonly pageSize?: number;
  /** 0 lifts the limit. */
  readonly maxIncrementalSnapshots?: number;
  /** 0 lifts the limit. */
  readonly maxIncrementalSnapshotsPer5Min?: number;
  readonly tokenLifetimeSeconds?: number;
  /** Azure's limits of one page blob: 60 MiB/s and 500 requests/s. Default: off. */
  readonly limitPageBlobRate?: boolean;
  /** Fixed ports; 0 or absent takes free ones. */
  readonly ports?: {
    readonly arm?: number;
    readonly control?: number;
    readonly identity?: number;
    /** By region. */
    readonly disk?: Readonly<Record<string, number>>;
    readonly storage?: Readonly<
      Record<string, { readonly blob?: number; readonly queue?: number; readonly table?: number }>
    >;
  };
}

export class ConfigError extends Error {
  readonly field: string;
  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.name = 'ConfigError';
    this.field = field;
  }
}

const ranges = [
  'snapshotLatencyMs',
  'operationLatencyMs',
  'vmLatencyMs',
  'runCommandLatencyMs',
] as const;
const wholeNumbers = [
  'agentTimeoutMs',
  'pollRetryAfterSeconds',
  'pageSize',
  'maxIncrementalSnapshots',
  'maxIncrementalSnapshotsPer5Min',
  'tokenLifetimeSeconds',
] as const;
const known = new Set<string>([
  'seed',
  'directory',
  'regions',
  'identities',
  'accounts',
  'sendRetryAfter',
  'limitPageBlobRate',
  'ports',
  ...ranges,
  ...wholeNumbers,
]);

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkRange(field: string, value: unknown): void {
  const isRange =
    isRecord(value) &&
    Number.isInteger(value['min']) &&
    Number.isInteger(value['max']) &&
    Number(value['min']) >= 0 &&
    Number(value['max']) >= Number(value['min']);
  if (!isRange) throw new ConfigError(field, 'must be {min, max}, whole milliseconds, min <= max');
}

function checkNamed(field: string, value: unknown, needsRegion: boolean): void {
  if (!Array.isArray(value) || (value.length === 0 && !needsRegion)) {
    throw new ConfigError(field, 'must be a list with at least one entry');
  }
  for (const [index, entry] of value.entries()) {
    const isNamed = isRecord(entry) && typeof entry['name'] === 'string';
    if (!isNamed) throw new ConfigError(`${field}[${index}].name`, 'must be a string');
    if (needsRegion && typeof entry['region'] !== 'string') {
      throw new ConfigError(`${field}[${index}].region`, 'must be a string');
    }
  }
}

/** Checks a parsed configuration; throws ConfigError naming the field. */
export function checkConfig(value: unknown): LocalAzureConfig {
  if (!isRecord(value)) throw new ConfigError('(file)', 'must be a JSON object');
  for (const field of Object.keys(value)) {
    if (!known.has(field)) {
      throw new ConfigError(field, `is unknown; known are ${[...known].join(', ')}`);
    }
  }
  for (const field of ranges) if (value[field] !== undefined) checkRange(field, value[field]);
  for (const field of wholeNumbers) {
    const given = value[field];
    if (given !== undefined && !(Number.isInteger(given) && Number(given) >= 0)) {
      throw new ConfigError(field, 'must be a whole number from 0');
    }
  }
  if (value['pageSize'] === 0) throw new ConfigError('pageSize', 'must be at least 1');
  if (value['regions'] !== undefined) checkNamed('regions', value['regions'], false);
  if (value['accounts'] !== undefined) checkNamed('accounts', value['accounts'], true);
  const config = value as LocalAzureConfig;
  const regionNames = (config.regions ?? defaultRegions).map((region) => region.name);
  for (const account of config.accounts ?? []) {
    if (!/^[a-z0-9]{3,24}$/.test(account.name)) {
      throw new ConfigError(
        'accounts',
        `${account.name} is not 3 to 24 lower-case letters and digits`,
      );
    }
    if (!regionNames.includes(account.region)) {
      throw new ConfigError(
        'accounts',
        `${account.name} is in ${account.region}, which is not a region of this run`,
      );
    }
  }
  return config;
}

export const defaultRegions: readonly RegionConfig[] = [
  { name: 'westeurope', paired: 'northeurope' },
  { name: 'northeurope', paired: 'westeurope' },
];

/** Reads a configuration file; throws ConfigError, also when the file is missing or is not JSON. */
export function readConfig(file: string): LocalAzureConfig {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigError(file, error instanceof Error ? error.message : String(error));
  }
  return checkConfig(value);
}
