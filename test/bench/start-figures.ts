import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unpackPackage } from '../../scripts/unpack.ts';
import { spawnLocalHost } from '../local-host/spawn-local-host.ts';
import { createFigure, type Figure, median } from './figure.ts';

/** From the start of the host's process until its first function can be called. */

const ROUNDS = 5;
/** At the turn of the year. */
const NEVER = '0 0 0 1 1 *';

const EMPTY_APP = `import { app } from '@azure/functions';
app.http('nothing', { route: 'nothing', handler: () => ({ status: 204 }) });
`;

/** An app with one HTTP function, on the same packages and the same host.json. */
function writeEmptyApp(directory: string, packaged: string): void {
  mkdirSync(join(directory, 'dist'), { recursive: true });
  writeFileSync(
    join(directory, 'package.json'),
    JSON.stringify({ name: 'empty', type: 'module', main: 'dist/*.js' }),
  );
  writeFileSync(
    join(directory, 'host.json'),
    JSON.stringify({ version: '2.0', extensions: { http: { routePrefix: 'api' } } }),
  );
  writeFileSync(join(directory, 'dist', 'nothing.js'), EMPTY_APP);
  symlinkSync(join(packaged, 'node_modules'), join(directory, 'node_modules'), 'junction');
}

async function startOnce(
  directory: string,
  appDir: string,
  round: string,
  path: string,
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const startedMs = performance.now();
  const host = await spawnLocalHost({
    appDir,
    stateFile: join(directory, `${round}.sqlite`),
    logFile: join(directory, `${round}.log`),
    args: ['--no-schedules'],
    env: { ...env, NODE_OPTIONS: '--no-warnings' },
  });
  try {
    if (host.errors.length > 0) throw new Error(JSON.stringify(host.errors));
    const answer = await fetch(new URL(path, host.url), {
      headers: { 'x-functions-key': host.functionKey },
      signal: AbortSignal.timeout(20_000),
    });
    await answer.arrayBuffer();
    return performance.now() - startedMs;
  } finally {
    await host.kill('SIGKILL');
  }
}

/**
 * Lockstep's first function is asked for a run that cannot be: the route, its key and the handler are
 * there, and Azure is not reached. Settings are left out for the same reason.
 */
export async function measureStart(): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-bench-start-'));
  try {
    const packaged = unpackPackage(join(directory, 'app'));
    const empty = join(directory, 'empty');
    writeEmptyApp(empty, packaged);
    const own: number[] = [];
    const others: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      others.push(await startOnce(directory, empty, `empty-${round}`, '/api/nothing', {}));
      own.push(
        await startOnce(directory, packaged, `own-${round}`, '/api/runs/none', {
          LOCKSTEP_HUB: 'LockstepBench',
          LOCKSTEP_ROLES: 'protect,move,expire,restore',
          LOCKSTEP_MOVE_SCHEDULE: NEVER,
          LOCKSTEP_EXPIRE_SCHEDULE: NEVER,
          LOCKSTEP_REBUILD_SCHEDULE: NEVER,
        }),
      );
    }
    return [
      createFigure(
        'startOverEmptyApp',
        median(own) / median(others),
        '<= 2',
        `median of ${ROUNDS}: ${median(own).toFixed(0)} ms, an app with one HTTP function on the same packages ${median(others).toFixed(0)} ms`,
      ),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
