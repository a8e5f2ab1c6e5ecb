import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  isUnusedInNode,
  productionLock,
  productionManifest,
} from '../../scripts/package-contents.ts';

const manifest = readFileSync('package.json', 'utf8');
const lock = readFileSync('package-lock.json', 'utf8');

describe('the package', () => {
  it('has the entry points and the dependencies of the project, and nothing for development', () => {
    const made = JSON.parse(productionManifest(manifest)) as Record<string, unknown>;
    const { main, type, dependencies } = JSON.parse(manifest) as Record<string, unknown>;

    expect(made).toMatchObject({ main, type, dependencies });
    expect(made).not.toHaveProperty('devDependencies');
    expect(made).not.toHaveProperty('scripts');
  });

  it('locks every production package to the version of the project, and no other', () => {
    type Packages = Record<string, { dev?: boolean; version?: string }>;
    const all = (JSON.parse(lock) as { packages: Packages }).packages;
    const made = (JSON.parse(productionLock(lock)) as { packages: Packages }).packages;

    const wanted = Object.entries(all).filter(([path, { dev }]) => path !== '' && dev !== true);
    expect(Object.keys(made).sort()).toEqual(['', ...wanted.map(([path]) => path)].sort());
    for (const [path, { version }] of wanted) expect(made[path]?.version).toBe(version);
    expect(made['']).not.toHaveProperty('devDependencies');
  });

  it.each([
    ['@azure/identity/dist/browser/index.js', true],
    ['@azure/identity/dist/esm/index.js', false],
    ['@azure/identity/dist/esm/index.d.ts', true],
    ['@azure/identity/dist/esm/index.js.map', true],
    ['ajv/README.md', true],
    ['ajv/LICENSE', false],
    ['ajv/LICENSE.md', false],
    ['some-package/dist/browser/index.js', false],
  ])('leaves out what Node never loads: %s is %s', (file, unused) => {
    expect(isUnusedInNode(file)).toBe(unused);
  });
});
