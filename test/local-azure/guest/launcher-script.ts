import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';

const MARKER = 'LOCKSTEP_HELPER';

export interface LauncherScript {
  /** Of the whole script, as it came. */
  readonly scriptSha256: string;
  /** Of the here-document's lines, the last line feed included: of the helper's own file. */
  readonly helperSha256: string;
  /** What the Python source assigns to HELPER_VERSION; `unknown` when it does not. */
  readonly helperVersion: string;
}

/**
 * Reads the launcher that the run command brings: `#!/bin/sh`, a look for python3, and the helper as
 * a here-document `<<'LOCKSTEP_HELPER'`, all of it in the grammar of a POSIX shell. Anything else is
 * no script of ours: `problem` says why.
 */
export function readLauncherScript(
  script: string,
): { readonly launcher: LauncherScript } | { readonly problem: string } {
  if (!script.startsWith('#!/bin/sh\n')) return { problem: 'the first line is not #!/bin/sh' };
  if (!/python/.test(script)) return { problem: 'the script never looks for python' };
  if (script.includes('\r')) return { problem: 'the script has carriage returns' };
  const lines = script.split('\n');
  const startsAt = lines.findIndex((line) => line.includes(`<<'${MARKER}'`));
  if (startsAt < 0) return { problem: `there is no here-document <<'${MARKER}'` };
  const endsAt = lines.indexOf(MARKER, startsAt + 1);
  if (endsAt < 0) return { problem: `the here-document has no closing line ${MARKER}` };
  const parsed = spawnSync('sh', ['-n'], { input: script, encoding: 'utf8', timeout: 10_000 });
  if (parsed.error !== undefined) throw parsed.error;
  if (parsed.status !== 0)
    return { problem: `sh cannot parse the script: ${parsed.stderr.trim()}` };
  const helper = `${lines.slice(startsAt + 1, endsAt).join('\n')}\n`;
  const version = /^(?:HELPER_)?VERSION\s*=\s*['"]([^'"]+)['"]/m.exec(helper)?.[1];
  return {
    launcher: {
      scriptSha256: createHash('sha256').update(script).digest('hex'),
      helperSha256: createHash('sha256').update(helper).digest('hex'),
      helperVersion: version ?? 'unknown',
    },
  };
}
