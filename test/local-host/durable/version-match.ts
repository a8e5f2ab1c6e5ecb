import type { HostSettings } from '../core/host-json.ts';

/** Numbers between dots, as .NET's `System.Version` reads them; undefined for anything else. */
function toNumbers(version: string): number[] | undefined {
  return /^\d+(\.\d+){1,3}$/.test(version) ? version.split('.').map(Number) : undefined;
}

/** Below 0 when `left` is older than `right`; no version at all is older than any. */
export function compareVersions(left: string, right: string): number {
  if (left === '' || right === '') {
    return left.length - right.length;
  }
  const [leftNumbers, rightNumbers] = [toNumbers(left), toNumbers(right)];
  if (!leftNumbers || !rightNumbers) {
    const [a, b] = [left.toLowerCase(), right.toLowerCase()];
    return a < b ? -1 : Number(a > b);
  }
  for (let part = 0; part < 4; part += 1) {
    const difference = (leftNumbers[part] ?? -1) - (rightNumbers[part] ?? -1);
    if (difference !== 0) {
      return difference;
    }
  }
  return 0;
}

type VersionSettings = Pick<
  HostSettings,
  'defaultVersion' | 'versionMatchStrategy' | 'versionFailureStrategy'
>;

/**
 * Why this host must not run an instance of `version`, or undefined when it may
 * (learn.microsoft.com, "Orchestration versioning": versionMatchStrategy and versionFailureStrategy). A rejected
 * instance is left to a newer host on Azure; here is none, so it fails and says so.
 */
export function findVersionMismatch(
  version: string,
  settings: VersionSettings,
): string | undefined {
  const { defaultVersion = '', versionMatchStrategy, versionFailureStrategy } = settings;
  const difference = compareVersions(version, defaultVersion);
  const isMatch =
    versionMatchStrategy === 'None' ||
    (versionMatchStrategy === 'Strict' ? difference === 0 : difference <= 0);
  if (isMatch) {
    return undefined;
  }
  const reason = `the orchestration version '${version}' does not match the version '${defaultVersion}' of this host (versionMatchStrategy ${versionMatchStrategy})`;
  return versionFailureStrategy === 'Fail'
    ? reason
    : `${reason}; with versionFailureStrategy Reject it waits on Azure for a host that matches, possibly for ever`;
}
