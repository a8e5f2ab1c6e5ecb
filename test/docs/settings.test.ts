import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import sample from '../../local.settings.sample.json' with { type: 'json' };

/** The code, local.settings.sample.json and the README name the same settings. */

const namesIn = (text: string, pattern: RegExp): string[] => [
  ...new Set([...text.matchAll(pattern)].map(([, name = '']) => name)),
];

const sources = [...globSync('functions/**/*.ts'), 'host.json'];
const inCode = namesIn(
  sources.map((file) => readFileSync(file, 'utf8')).join('\n'),
  /['"]%?(LOCKSTEP_[A-Z_]+)%?['"]/g,
).sort();
const tableOfReadme = readFileSync('README.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|')[1] ?? '')
  .join('\n');

describe('settings', () => {
  it('are found in the code', () => {
    expect(inCode).toContain('LOCKSTEP_REPLICA_TARGETS');
    expect(inCode).toContain('LOCKSTEP_HUB');
    expect(inCode).toContain('LOCKSTEP_MOVE_SCHEDULE');
  });

  it('are all in the sample, which has no other', () => {
    const inSample = Object.keys(sample.Values).filter((name) => name.startsWith('LOCKSTEP_'));
    expect(inSample.sort()).toEqual(inCode);
  });

  it('are all in the table of the README, which has no other', () => {
    expect(namesIn(tableOfReadme, /`(LOCKSTEP_[A-Z_]+)`/g).sort()).toEqual(inCode);
  });
});

describe('routes', () => {
  const inFunctions = globSync('functions/http/*.ts').flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/method: '([A-Z]+)',\s*route: '([^']+)'/g)].map(
      ([, method = '', route = '']) => `${method} /api/${route}`,
    ),
  );

  it('are all in the table of the README, which has no other', () => {
    expect(inFunctions.length).toBeGreaterThan(5);
    expect(namesIn(tableOfReadme, /`((?:GET|POST|PUT|DELETE) \/api\/[^`]+)`/g).sort()).toEqual(
      inFunctions.sort(),
    );
  });
});
