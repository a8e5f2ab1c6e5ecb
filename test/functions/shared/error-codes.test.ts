import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** docs/errors.md and the sources name the same error codes, in both directions. */

const CODE_IN_SOURCE = [
  /\b(?:refused|refuse|refuseOnce|refuseTaken|notListed|BackupError|notFoundProblem|super)\(\s*'([A-Z]\w+)'/g,
  /\b(?:errorCode|takenCode|refusedCode)(?:: | = )'([A-Z]\w+)'/g,
  /\b(?:refused|refuse)\(\s*[\w.]+ === undefined \? '([A-Z]\w+)' : '([A-Z]\w+)'/g,
];

const inSources = new Map<string, string>();
for (const file of globSync('{functions,lib}/**/*.ts')) {
  const source = readFileSync(file, 'utf8');
  for (const pattern of CODE_IN_SOURCE) {
    for (const [, ...codes] of source.matchAll(pattern)) {
      for (const code of codes) inSources.set(code, file);
    }
  }
}

const rows = readFileSync('docs/errors.md', 'utf8')
  .split('\n')
  .map((line) => /^\| `([A-Z]\w+)` \|([^|]+)\|([^|]+)\|$/.exec(line))
  .filter((match) => match !== null);
const inDocument = rows.map(([, code = '']) => code);

describe('docs/errors.md', () => {
  it('finds codes to compare', () => {
    expect(inSources.size).toBeGreaterThan(30);
  });

  it('explains every error code that the sources use', () => {
    const missing = [...inSources].filter(([code]) => !inDocument.includes(code));
    expect(missing).toEqual([]);
  });

  it('explains no code that the sources do not use, and each once', () => {
    expect(inDocument.filter((code) => !inSources.has(code))).toEqual([]);
    expect(new Set(inDocument).size).toBe(inDocument.length);
  });

  it('says for each what it means and what to do', () => {
    for (const [, , meaning = '', remedy = ''] of rows) {
      expect(meaning.trim().length).toBeGreaterThan(10);
      expect(remedy.trim().length).toBeGreaterThan(10);
    }
  });
});
