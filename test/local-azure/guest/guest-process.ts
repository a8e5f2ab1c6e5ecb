import type { RunCommandRequest } from '../contracts.ts';
import type { GuestMessageType } from './behaviour.ts';
import { createBlobChannel } from './blob-channel.ts';
import type { CloudMessage } from './cloud-messages.ts';
import type { FreezeHistory } from './freeze-history.ts';
import type { FrozenSection } from './frozen-section.ts';
import type { Guest } from './guest.ts';
import { ProcessKilledError, runGuestSession } from './guest-session.ts';
import { readLauncherScript } from './launcher-script.ts';

/** One run command on one guest, for the test that asks afterwards. */
export interface SessionRecord {
  readonly vmId: string;
  readonly runCommandName: string;
  readonly startedAtUtc: string;
  readonly session?: string;
  readonly scriptSha256?: string;
  readonly helperSha256?: string;
  readonly said: readonly { readonly type: GuestMessageType; readonly asGarbage: boolean }[];
  readonly heard: readonly CloudMessage[];
  /** What the run command did wrong, as a real guest would suffer or a reviewer would object. */
  readonly problems: readonly string[];
  readonly ended?: {
    readonly exitCode: number;
    readonly how: 'exited' | 'killed' | 'powerCut';
  };
}

export interface ProcessEnd {
  readonly exitCode: number;
  readonly output: string;
  readonly error: string;
}

export interface GuestProcess {
  /** Lower case. */
  readonly vmId: string;
  readonly name: string;
  readonly record: SessionRecord;
  readonly finished: Promise<ProcessEnd>;
  /** When its watchdog has ended as well, which may hold a freeze longer than the process lives. */
  readonly allEnded: Promise<void>;
  /** SIGKILL to the process group; the watchdog is in a session of its own and lives on. */
  kill(): void;
  /** Everything ends at once, the watchdog too. */
  cutPower(): void;
}

export interface GuestProcessOptions {
  readonly guest: Guest;
  readonly freezes: FreezeHistory;
  readonly certificatePem: string;
  readonly pollMs: number;
}

const DEFAULT_HELLO_TIMEOUT_S = 120;
/** 128 + SIGKILL, as a shell reports it. */
const KILLED_EXIT_CODE = 137;

type OpenRecord = { -readonly [K in keyof SessionRecord]: SessionRecord[K] } & {
  said: { type: GuestMessageType; asGarbage: boolean }[];
  heard: CloudMessage[];
  problems: string[];
};

/**
 * Runs what a managed run command brought: parameters are environment variables of the script. Its
 * time limit is the caller's, who kills the process.
 */
export function startGuestProcess(
  request: RunCommandRequest,
  options: GuestProcessOptions,
): GuestProcess {
  const { guest } = options;
  const abort = new AbortController();
  const record: OpenRecord = {
    vmId: guest.vmId,
    runCommandName: request.name,
    startedAtUtc: new Date().toISOString(),
    said: [],
    heard: [],
    problems: [],
  };
  let section: FrozenSection | undefined;
  let how: NonNullable<SessionRecord['ended']>['how'] = 'exited';

  function end(reason: 'killed' | 'powerCut'): void {
    if (record.ended !== undefined || abort.signal.aborted) return;
    how = reason;
    abort.abort(new ProcessKilledError(reason));
  }

  async function run(): Promise<ProcessEnd> {
    const started = readRequest(request, record);
    if ('problem' in started) return { exitCode: 1, output: '', error: `${started.problem}\n` };
    const root = guest.mounts.find(({ mountPoint }) => mountPoint === '/');
    if (root?.isFrozen === true) {
      record.problems.push('started while / was frozen: the agent hangs on its first write');
      await root.untilThawed(abort.signal);
    }
    const { cannotStart } = guest.behaviour;
    if (cannotStart !== undefined) return { output: '', ...cannotStart };
    const { channel, ...session } = started.open(options.certificatePem, abort.signal);
    try {
      await runGuestSession({
        ...session,
        channel,
        facts: guest,
        behaviour: guest.behaviour,
        ...{ freezes: options.freezes, pollMs: options.pollMs, signal: abort.signal },
        log: {
          said: (type, asGarbage) => record.said.push({ type, asGarbage }),
          heard: (message) => record.heard.push(message),
          armed: (armed) => {
            section = armed;
          },
        },
      });
      return { exitCode: 0, output: `session ${session.session} ended\n`, error: '' };
    } finally {
      channel.close();
    }
  }

  async function finish(): Promise<ProcessEnd> {
    let result: ProcessEnd;
    try {
      result = await run();
    } catch (error) {
      const killed = abort.signal.aborted || error instanceof ProcessKilledError;
      if (killed && how === 'exited') how = 'killed';
      if (!killed) record.problems.push(String(error));
      const message = killed ? 'Killed' : String(error);
      result = { exitCode: killed ? KILLED_EXIT_CODE : 1, output: '', error: `${message}\n` };
      if (how === 'powerCut' || (killed && guest.behaviour.watchdogReaction === 'atOnce')) {
        section?.thaw('failure');
      }
    }
    record.ended = { exitCode: result.exitCode, how };
    return result;
  }

  async function endAll(): Promise<void> {
    await finished;
    if (section?.isHolding === true) await section.ended;
  }

  const finished = finish();
  return {
    vmId: guest.vmId.toLowerCase(),
    name: request.name,
    record,
    finished,
    allEnded: endAll(),
    kill: () => end('killed'),
    cutPower() {
      end('powerCut');
      section?.thaw('failure');
    },
  };
}

/** Reads script and parameters as the launcher and the helper would. */
function readRequest(request: RunCommandRequest, record: OpenRecord) {
  const script = readLauncherScript(request.script);
  if ('problem' in script) {
    record.problems.push(script.problem);
    return script;
  }
  const { scriptSha256, helperSha256, helperVersion } = script.launcher;
  record.scriptSha256 = scriptSha256;
  record.helperSha256 = helperSha256;
  const environment = { ...request.parameters, ...request.protectedParameters };
  const session = environment['LOCKSTEP_SESSION'];
  const toGuestUrl = environment['LOCKSTEP_TO_GUEST_URL'];
  const fromGuestUrl = environment['LOCKSTEP_FROM_GUEST_URL'];
  const helloTimeoutS = Number(environment['LOCKSTEP_HELLO_TIMEOUT_S'] ?? DEFAULT_HELLO_TIMEOUT_S);
  if (Object.values(request.parameters).some((value) => /[?&]sig=/.test(value))) {
    record.problems.push('a plain parameter carries a signature: it can be read in the portal');
  }
  if (session === undefined || toGuestUrl === undefined || fromGuestUrl === undefined) {
    const problem = 'LOCKSTEP_SESSION, LOCKSTEP_TO_GUEST_URL or LOCKSTEP_FROM_GUEST_URL is not set';
    record.problems.push(problem);
    return { problem };
  }
  if (!/^s-[0-9a-f]{32}$/.test(session) || !(helloTimeoutS > 0)) {
    const problem = 'LOCKSTEP_SESSION or LOCKSTEP_HELLO_TIMEOUT_S is malformed';
    record.problems.push(problem);
    return { problem };
  }
  record.session = session;
  return {
    open: (certificatePem: string, signal: AbortSignal) => ({
      session,
      helper: { helperSha256, helperVersion },
      helloTimeoutMs: helloTimeoutS * 1000,
      channel: createBlobChannel({ toGuestUrl, fromGuestUrl, certificatePem, signal }),
    }),
  };
}
