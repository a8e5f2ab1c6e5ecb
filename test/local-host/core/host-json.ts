import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const MATCH_STRATEGIES = ['CurrentOrOlder', 'Strict', 'None'] as const;
const FAILURE_STRATEGIES = ['Reject', 'Fail'] as const;

/** What the local host takes from host.json; unknown keys are ignored, as the genuine host does. */
export interface HostSettings {
  /** Prefix of all HTTP routes, `api` by default; may be empty. */
  routePrefix: string;
  hubName: string;
  /** Version that instances get when they are started without one. */
  defaultVersion: string | undefined;
  /** Which instances this host may run, by their version. */
  versionMatchStrategy: (typeof MATCH_STRATEGIES)[number];
  /** What becomes of the others. */
  versionFailureStrategy: (typeof FAILURE_STRATEGIES)[number];
  maxConcurrentActivityFunctions: number;
  maxConcurrentOrchestratorFunctions: number;
  /** Whether an extension bundle is named: without one there is no Durable extension. */
  hasExtensionBundle: boolean;
}

/** Why the genuine host would answer 503 everywhere. */
export class HostJsonError extends Error {
  constructor(message: string) {
    super(`host.json: ${message}`);
    this.name = 'HostJsonError';
  }
}

type Json = Record<string, unknown>;

function section(parent: Json, key: string): Json {
  const value = parent[key];
  if (value === undefined || value === null) {
    return {};
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new HostJsonError(`"${key}" must be an object`);
  }
  return value as Json;
}

function positiveInteger(parent: Json, key: string, fallback: number, most = 1_000_000): number {
  const value = parent[key];
  if (value === undefined) {
    return fallback;
  }
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) {
    throw new HostJsonError(`"${key}" must be a whole number from 1 to ${most}`);
  }
  return value;
}

function optionalString(parent: Json, key: string): string | undefined {
  const value = parent[key];
  if (value !== undefined && typeof value !== 'string') {
    throw new HostJsonError(`"${key}" must be a string`);
  }
  return value;
}

/** One of `values`, whose first is the default. */
function oneOf<T extends string>(parent: Json, key: string, values: readonly [T, ...T[]]): T {
  const text = optionalString(parent, key);
  const value = text === undefined ? values[0] : values.find((known) => known === text);
  if (value === undefined) {
    throw new HostJsonError(`"${key}" must be one of ${values.join(', ')}, got "${text}"`);
  }
  return value;
}

/** Replaces `%NAME%` by the app setting NAME; undefined when that setting is missing. */
export function resolveSetting(text: string, env: NodeJS.ProcessEnv): string | undefined {
  let isMissing = false;
  const resolved = text.replaceAll(/%([^%]+)%/g, (_match, name: string) => {
    const value = env[name];
    if (value === undefined) {
      isMissing = true;
      return '';
    }
    return value;
  });
  return isMissing ? undefined : resolved;
}

/** Reads and checks host.json of the app. Throws `HostJsonError` where the genuine host would serve nothing. */
export function readHostJson(appDir: string, env: NodeJS.ProcessEnv): HostSettings {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(join(appDir, 'host.json'), 'utf8'));
  } catch (error) {
    throw new HostJsonError(error instanceof Error ? error.message : String(error));
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new HostJsonError('must be an object');
  }
  const root = parsed as Json;
  if (root['version'] !== '2.0') {
    throw new HostJsonError('"version" must be "2.0"');
  }
  const extensions = section(root, 'extensions');
  const durable = section(extensions, 'durableTask');
  const rawHub = optionalString(durable, 'hubName') ?? 'TestHubName';
  const hubName = resolveSetting(rawHub, env);
  // Task hub names: letters and digits, starting with a letter, 3 to 45 characters
  // (learn.microsoft.com, "Task hubs in Durable Functions").
  if (hubName === undefined || !/^[A-Za-z][A-Za-z0-9]{2,44}$/.test(hubName)) {
    throw new HostJsonError(
      `"hubName" must be 3 to 45 letters or digits and start with a letter, got "${rawHub}"`,
    );
  }
  positiveInteger(section(durable, 'storageProvider'), 'partitionCount', 4, 16);
  const perCore = 10 * availableParallelism();
  return {
    routePrefix: (optionalString(section(extensions, 'http'), 'routePrefix') ?? 'api').replaceAll(
      /^\/+|\/+$/g,
      '',
    ),
    hubName,
    defaultVersion: optionalString(durable, 'defaultVersion'),
    versionMatchStrategy: oneOf(durable, 'versionMatchStrategy', MATCH_STRATEGIES),
    versionFailureStrategy: oneOf(durable, 'versionFailureStrategy', FAILURE_STRATEGIES),
    maxConcurrentActivityFunctions: positiveInteger(
      durable,
      'maxConcurrentActivityFunctions',
      perCore,
    ),
    maxConcurrentOrchestratorFunctions: positiveInteger(
      durable,
      'maxConcurrentOrchestratorFunctions',
      perCore,
    ),
    hasExtensionBundle:
      optionalString(section(root, 'extensionBundle'), 'id') ===
      'Microsoft.Azure.Functions.ExtensionBundle',
  };
}
