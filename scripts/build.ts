import { spawnSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
/** Files that the compiler does not carry over and that the code reads beside itself. */
const ASSETS = 'lib/**/*.{py,sh}';

/** Compiles `functions` and `lib` into an empty `dist/`, so that no entry point of yesterday stays. */
export function buildApp(): void {
  rmSync(DIST, { recursive: true, force: true });
  const compiler = join(ROOT, 'node_modules', '.bin', 'tsc');
  const compiled = spawnSync(compiler, ['--project', ROOT], { stdio: 'inherit' });
  if (compiled.error) throw compiled.error;
  if (compiled.status !== 0) throw new Error('the sources do not compile; see the messages above');
  for (const asset of globSync(ASSETS, { cwd: ROOT })) {
    mkdirSync(dirname(join(DIST, asset)), { recursive: true });
    copyFileSync(join(ROOT, asset), join(DIST, asset));
  }
}

if (import.meta.main) buildApp();
