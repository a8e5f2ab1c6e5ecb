import { BackupError } from '../errors.ts';

const MARKER = 'LOCKSTEP_HELPER';

/**
 * Where Python 3 may be. RHEL 8 may have platform-python only; SLES and old Ubuntu have no `python3`
 * without a version.
 */
const PYTHONS = [
  '/usr/bin/python3',
  '/usr/libexec/platform-python',
  '/usr/local/bin/python3',
  '/bin/python3',
  ...[13, 12, 11, 10, 9, 8, 7, 6].map((minor) => `/usr/bin/python3.${minor}`),
  '/opt/rh/rh-python38/root/usr/bin/python3',
  '/opt/rh/rh-python36/root/usr/bin/python3',
];

/**
 * The run command's script: finds a Python 3.6 or newer and hands it the helper's source on standard
 * input, so that nothing is written to a disk and the source is on no command line. Exit code 127
 * means that there is none.
 */
export function guestLauncher(helperSource: string): string {
  const source = helperSource.endsWith('\n') ? helperSource : `${helperSource}\n`;
  if (source.includes('\r') || source.split('\n').includes(MARKER)) {
    throw new BackupError('HelperSourceInvalid', 'The helper cannot be put into a here-document');
  }
  return `#!/bin/sh
# Lockstep: freezes this machine's file systems for the moment of a backup. The helper ends by itself.
umask 077
for candidate in ${PYTHONS.join(' ')} "$(command -v python3)"; do
  [ -n "$candidate" ] && [ -x "$candidate" ] || continue
  "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2>/dev/null || continue
  exec "$candidate" -c 'import sys
source = sys.stdin.buffer.read()
exec(compile(source, "guest-helper.py", "exec"), {"__name__": "__main__", "HELPER_SOURCE": source})' <<'${MARKER}'
${source}${MARKER}
done
echo "Lockstep needs Python 3.6 or newer in this machine, and found none." >&2
exit 127
`;
}
