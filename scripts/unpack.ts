import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { unzipSync } from 'fflate';

const ZIP = join(import.meta.dirname, '..', '.package', 'lockstep.zip');

/**
 * Unpacks what `npm run package` made into an empty or missing folder, as a deployment does, and
 * answers the folder.
 */
export function unpackPackage(intoDir: string): string {
  if (!existsSync(ZIP)) throw new Error('there is no package yet: run `npm run package` first');
  mkdirSync(intoDir, { recursive: true });
  if (readdirSync(intoDir).length > 0) throw new Error(`${intoDir} is not empty`);
  const made = new Set<string>();
  for (const [file, data] of Object.entries(unzipSync(readFileSync(ZIP)))) {
    const path = join(intoDir, file);
    const folder = dirname(path);
    if (!made.has(folder)) {
      mkdirSync(folder, { recursive: true });
      made.add(folder);
    }
    writeFileSync(path, data);
  }
  return intoDir;
}
