import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type HostLog, toLogLevel } from '../host-log.ts';
import {
  type AppRegistry,
  createRegistry,
  getProgrammingModel,
  installWorkerCore,
  withRegistry,
} from './worker-core.ts';
import type { ProgrammingModel } from './worker-protocol.ts';

/** An app whose files are loaded and whose `appStart` hooks ran. */
export interface LoadedApp {
  registry: AppRegistry;
  model: ProgrammingModel;
  /** Shared by all hooks of the app. */
  appHookData: Record<string, unknown>;
}

/** Why the genuine host would run with 0 functions. */
export class AppLoadError extends Error {
  readonly errors: string[];
  constructor(errors: string[]) {
    super(errors.join('; '));
    this.name = 'AppLoadError';
    this.errors = errors;
  }
}

let loads = 0;

function readMain(appDir: string): string {
  const file = join(appDir, 'package.json');
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new AppLoadError([`package.json of the app cannot be read: ${messageOf(error)}`]);
  }
  const main = (parsed as { main?: unknown } | null)?.main;
  if (typeof main !== 'string' || main === '') {
    throw new AppLoadError(['package.json of the app has no "main"; set it to a file or a glob']);
  }
  return main;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Loads the app in `appDir`: every file that the glob `main` of its package.json names, then the `appStart` hooks.
 * Throws `AppLoadError` for whatever makes the genuine host lose all functions: a syntax error, a missing import, a
 * throw at top level, a glob without a match, or one name used twice.
 */
export async function loadApp(appDir: string, log: HostLog): Promise<LoadedApp> {
  installWorkerCore();
  const main = readMain(appDir);
  const files = globSync(main, { cwd: appDir }).sort();
  if (files.length === 0) {
    throw new AppLoadError([`"main" of package.json matches no file: ${main}`]);
  }
  const registry = createRegistry((level, _category, message) => log(toLogLevel(level), message));
  const appHookData: Record<string, unknown> = {};
  // A file that this process has loaded before is loaded again under another URL, else it would register nothing.
  const suffix = loads === 0 ? '' : `?host=${loads}`;
  loads += 1;
  return await withRegistry(registry, async () => {
    const errors: string[] = [];
    for (const file of files) {
      try {
        await import(/* @vite-ignore */ `${pathToFileURL(join(appDir, file)).href}${suffix}`);
      } catch (error) {
        errors.push(`${file}: ${messageOf(error)}`);
      }
    }
    errors.push(...findDuplicateNames(registry));
    if (errors.length > 0) {
      throw new AppLoadError(errors);
    }
    const model = getProgrammingModel();
    if (!model || registry.functions.length === 0) {
      throw new AppLoadError([
        'the files of the app register no function (when one process starts an app twice, only the files that "main" names are loaded again)',
      ]);
    }
    for (const hook of registry.hooks.appStart) {
      await hook({ hookData: {}, appHookData });
    }
    await model.getCapabilities({});
    return { registry, model, appHookData };
  });
}

function findDuplicateNames(registry: AppRegistry): string[] {
  const seen = new Set<string>();
  const errors: string[] = [];
  for (const { metadata } of registry.functions) {
    const key = metadata.name.toLowerCase();
    if (seen.has(key)) {
      errors.push(`a function with the name "${metadata.name}" is registered twice`);
    }
    seen.add(key);
  }
  return errors;
}
