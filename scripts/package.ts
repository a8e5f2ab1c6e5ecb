import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join, relative, sep } from 'node:path';
import { type AsyncZippable, zip } from 'fflate';
import { buildApp } from './build.ts';
import {
  isUnusedInNode,
  productionLock,
  productionManifest,
  readProjectFile,
  sha256Of,
} from './package-contents.ts';

const ROOT = join(import.meta.dirname, '..');
const PACKAGE = join(ROOT, '.package');
const APP = join(PACKAGE, 'app');
const ZIP = join(PACKAGE, 'lockstep.zip');
/** Says for which lock file `node_modules` was installed, and is written only when that is done. */
const INSTALLED = join(PACKAGE, 'installed.sha256');
/** Says which files the zip holds. */
const ZIPPED = join(PACKAGE, 'zipped.sha256');

function installProductionDependencies(): void {
  const lock = productionLock(readProjectFile(ROOT, 'package-lock.json'));
  writeFileSync(
    join(APP, 'package.json'),
    productionManifest(readProjectFile(ROOT, 'package.json')),
  );
  writeFileSync(join(APP, 'package-lock.json'), lock);
  const installed = existsSync(INSTALLED) ? readFileSync(INSTALLED, 'utf8') : '';
  if (installed === sha256Of(lock) && existsSync(join(APP, 'node_modules'))) return;
  rmSync(INSTALLED, { force: true });
  const result = spawnSync(
    'npm',
    ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'],
    {
      cwd: APP,
      stdio: ['ignore', 'ignore', 'inherit'],
      // npm picks its Node from PATH; an older one would install other versions by `engines`.
      env: {
        ...process.env,
        PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
      },
    },
  );
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error('npm could not install the production dependencies');
  removeUnused(join(APP, 'node_modules'));
  writeFileSync(INSTALLED, sha256Of(lock));
}

/**
 * A Functions host never opens source maps, type declarations or builds for browsers, and they are
 * two thirds of the files: each of them costs time when an instance starts.
 */
function removeUnused(modules: string): void {
  for (const file of filesBelow(modules)) {
    const path = file.split(sep).join('/');
    if (isUnusedInNode(path)) rmSync(join(modules, file));
  }
}

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();

function zipAsync(entries: AsyncZippable): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // One fixed time stamp: the same contents give the same file.
    zip(entries, { level: 6, mtime: '2020-01-01T00:00:00' }, (error, data) => {
      if (error) reject(error);
      else resolve(data);
    });
  });
}

/** Makes `.package/app`, the folder that is published, and `.package/lockstep.zip`, the same as a file. */
async function packageApp(): Promise<void> {
  buildApp();
  mkdirSync(APP, { recursive: true });
  installProductionDependencies();
  rmSync(join(APP, 'dist'), { recursive: true, force: true });
  cpSync(join(ROOT, 'dist'), join(APP, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'host.json'), join(APP, 'host.json'));

  const files = filesBelow(APP);
  const contents = files.map((file) => [file, readFileSync(join(APP, file))] as const);
  const fingerprint = sha256Of(
    contents.map(([file, data]) => `${sha256Of(data)} ${file}\n`).join(''),
  );
  const zipped = existsSync(ZIPPED) ? readFileSync(ZIPPED, 'utf8') : '';
  if (zipped === fingerprint && existsSync(ZIP)) return;
  rmSync(ZIPPED, { force: true });
  const entries = contents.map(
    ([file, data]) => [file.split(sep).join('/'), new Uint8Array(data)] as const,
  );
  writeFileSync(ZIP, await zipAsync(Object.fromEntries(entries)));
  writeFileSync(ZIPPED, fingerprint);
}

if (import.meta.main) {
  await packageApp();
  process.stdout.write(`${relative(process.cwd(), ZIP)} and ${relative(process.cwd(), APP)}\n`);
}
