import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface LockFile {
  readonly packages: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What a Functions host needs of package.json: no scripts, no development dependencies. */
export function productionManifest(text: string): string {
  const {
    scripts: _scripts,
    devDependencies: _devDependencies,
    allowScripts: _allowScripts,
    ...kept
  } = JSON.parse(text) as Record<string, unknown>;
  return `${JSON.stringify(kept, null, 2)}\n`;
}

/** The lock file without what only development needs, so that it agrees with `productionManifest`. */
export function productionLock(text: string): string {
  const lock = JSON.parse(text) as LockFile;
  const packages = Object.entries(lock.packages)
    .filter(([, entry]) => entry['dev'] !== true)
    .map(([path, entry]) => {
      if (path !== '') return [path, entry] as const;
      const { devDependencies: _devDependencies, ...root } = entry;
      return [path, root] as const;
    });
  return `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`;
}

export const readProjectFile = (root: string, name: string): string =>
  readFileSync(join(root, name), 'utf8');

export const sha256Of = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');

/** Whether a file of `node_modules` (path with `/`) can never be loaded by Node. Licences stay. */
export const isUnusedInNode = (path: string): boolean =>
  !/(licen[cs]e|notice)[^/]*$/i.test(path) &&
  (/\.(map|[cm]?ts|md|markdown)$/i.test(path) ||
    /^(@azure|@azure-rest|@typespec)\/[^/]+\/dist\/(browser|react-native|workerd)\//.test(path));
