import { describe, expect, it } from 'vitest';
import { compareVersions, findVersionMismatch } from './version-match.ts';

describe('compareVersions', () => {
  it.each([
    ['1.0', '1.0', 0],
    ['1.9', '1.10', -1],
    ['2.0', '1.99', 1],
    ['1.0', '1.0.0', -1],
    ['', '1.0', -1],
    ['', '', 0],
    ['Alpha', 'beta', -1],
    ['v1', 'V1', 0],
  ])('%s against %s', (left, right, sign) => {
    expect(Math.sign(compareVersions(left, right))).toBe(sign);
    expect(Math.sign(compareVersions(right, left))).toBe(sign === 0 ? 0 : -sign);
  });
});

describe('findVersionMismatch', () => {
  it.each([
    ['CurrentOrOlder', '1.0', true],
    ['CurrentOrOlder', '0.9', true],
    ['CurrentOrOlder', '', true],
    ['CurrentOrOlder', '1.1', false],
    ['Strict', '1.0', true],
    ['Strict', '0.9', false],
    ['None', '9.9', true],
  ] as const)('%s lets %s run: %s', (versionMatchStrategy, version, runs) => {
    const settings = {
      defaultVersion: '1.0',
      versionMatchStrategy,
      versionFailureStrategy: 'Reject',
    } as const;
    expect(findVersionMismatch(version, settings) === undefined).toBe(runs);
  });
});
