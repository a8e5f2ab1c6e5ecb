/**
 * `npm run bench [-- <name> ...] [-- --json]`: names are freeze, copy, sample, limit, start; without
 * any, all. Ratios are measured side by side in this run, counted by the local Azure and its guests,
 * with the packaged app driven through HTTP and its timers. A benchmark is no test: a target that
 * does not hold is said, and the exit code stays 0. It is 1 when something could not be measured.
 */
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { measureAgainstSample, measureCopies, measureLimited } from './copy-figures.ts';
import { type Figure, tableOf } from './figure.ts';
import { measureFreezes } from './freeze-figures.ts';
import { measureStart } from './start-figures.ts';

const BENCHES: Readonly<Record<string, () => Promise<Figure[]>>> = {
  start: measureStart,
  freeze: measureFreezes,
  copy: measureCopies,
  sample: measureAgainstSample,
  limit: measureLimited,
};

const line = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean' } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}.\n`,
  );
  process.exit(2);
}
const sendToParent = process.send?.bind(process);
if (sendToParent !== undefined) {
  const [name = ''] = positionals;
  sendToParent(await BENCHES[name]?.());
  process.disconnect();
} else {
  await measureAll(
    Object.keys(BENCHES).filter((name) => positionals.length === 0 || positionals.includes(name)),
  );
}

/** Each in a process of its own: no run leaves memory, sockets or certificates to the next. */
function measureApart(name: string): Promise<readonly Figure[]> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, [name], { execArgv: ['--no-warnings'] });
    let figures: readonly Figure[] | undefined;
    child.once('message', (message) => {
      figures = message as readonly Figure[];
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (figures === undefined) reject(new Error(`${name} ended with ${code ?? signal}`));
      else resolve(figures);
    });
  });
}

async function measureAll(names: readonly string[]): Promise<void> {
  const figures: Figure[] = [];
  const unmeasured: string[] = [];
  for (const name of names) {
    line(`${name} ...`);
    try {
      figures.push(...(await measureApart(name)));
    } catch (error) {
      process.exitCode = 1;
      unmeasured.push(name);
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  line();
  line(tableOf(figures));
  line();
  for (const { figure, note } of figures) line(`${figure}: ${note}`);
  line();
  if (unmeasured.length > 0) line(`Could not be measured: ${unmeasured.join(', ')}.`);
  const missed = figures.filter(({ holds }) => holds === false).map(({ figure }) => figure);
  line(
    missed.length > 0
      ? `Does not hold: ${missed.join(', ')}.`
      : `${figures.filter(({ holds }) => holds).length} targets hold, none is missed.`,
  );
  if (values.json === true) line(JSON.stringify(figures));
}
