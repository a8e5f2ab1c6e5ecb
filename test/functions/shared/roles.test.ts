import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { activities, orchestrations } from '../../../functions/shared/names.ts';
import { functionsOf, isRegisteredFor, ROLES } from '../../../functions/shared/roles.ts';

const named = new Set(ROLES.flatMap((role) => functionsOf(role)));
const entryPoints = globSync('functions/{timers,http,orchestrations,activities}/*.ts');
const sources = entryPoints.map((file) => readFileSync(file, 'utf8'));

/** What the entry points register, as their sources say it. */
const registered = sources.flatMap((source) => [
  ...[...source.matchAll(/register(?:Route|Timer)\('(\w+)'/g)].map((match) => match[1] ?? ''),
  ...[...source.matchAll(/registerActivity\(activities\.(\w+)/g)].map((match) => match[1] ?? ''),
  ...[...source.matchAll(/registerFor\(orchestrations\.(\w+)\.name/g)].map(
    (match) => match[1] ?? '',
  ),
]);

describe('roles', () => {
  it('know every function that an entry point registers, and no other', () => {
    expect([...new Set(registered)].sort()).toEqual([...named].sort());
  });

  it('have one function in each entry point but the listings of points', () => {
    expect(registered.length - new Set(registered).size).toBe(0);
    expect(registered.length).toBe(entryPoints.length + 1);
  });

  it('use no name twice, across all kinds of functions', () => {
    const names = [...Object.values(activities), ...Object.values(orchestrations)].map(
      (ref) => ref.name,
    );
    expect(new Set(names).size).toBe(names.length);
    for (const [key, ref] of Object.entries({ ...activities, ...orchestrations })) {
      expect(ref.name).toBe(key);
    }
  });

  it('give the app that only restores nothing that freezes, copies or deletes points', () => {
    for (const name of ['snapshotInLockstep', 'copySlice', 'removeDoomed', 'createPoint']) {
      expect(isRegisteredFor(['restore'], name)).toBe(false);
    }
  });
});
