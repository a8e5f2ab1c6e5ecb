import { createHash } from 'node:crypto';
import { done, type Outcome, refused } from '../../lib/outcome.ts';
import type { GuestCommandOrder, GuestCommands } from '../../lib/ports/guest-commands.ts';
import type { Clock } from '../../lib/time/clock.ts';
import type { MemoryGuestChannel } from './memory-guest-channel.ts';
import { createPortFaults, type PortFaults } from './port-faults.ts';

export interface FakeGuestOptions {
  readonly channel: MemoryGuestChannel;
  readonly clock: Clock;
  readonly luns: readonly number[];
  readonly faults?: PortFaults;
  readonly startDelayMs?: number;
  readonly silent?: boolean;
  /** Refuses the command with this code. */
  readonly refuse?: string;
  /** The script ends at once with this exit code, saying nothing. */
  readonly exitCode?: number;
  /** Replaces the line of one message before it is sent. */
  readonly garble?: (type: string, line: string) => string;
  /** Its own deadline, whatever it is told. */
  readonly ownDeadlineMs?: number;
  readonly freezeFails?: string;
  readonly thawFailsAt?: string;
  readonly uncoveredLun?: number;
  readonly preHooks?: readonly { name: string; ok: boolean; exitCode: number; ms: number }[];
  readonly neverDone?: boolean;
}

export interface FreezeHistory {
  readonly sessionId: string;
  readonly frozenAtMs: number;
  thawedAtMs?: number;
  cause?: 'released' | 'deadline' | 'failure';
}

export interface FakeGuest extends GuestCommands {
  readonly freezes: readonly FreezeHistory[];
  /** Ids of the commands that exist. */
  readonly commands: ReadonlyMap<string, { order: GuestCommandOrder; ended: boolean }>;
  /** Settles when every helper has ended. */
  idle(): Promise<void>;
}

const POLL_MS = 100;

/** A VM whose helper speaks the session protocol over the memory channel and really "freezes". */
export function createFakeGuest(options: FakeGuestOptions): FakeGuest {
  const { channel, clock } = options;
  const faults = options.faults ?? createPortFaults();
  const freezes: FreezeHistory[] = [];
  const commands = new Map<string, { order: GuestCommandOrder; ended: boolean }>();
  const running: Promise<void>[] = [];
  const idOf = (vmId: string, sessionId: string): string =>
    `${vmId}/runCommands/lockstep-${sessionId}`;

  const helper = async (order: GuestCommandOrder, command: { ended: boolean }): Promise<void> => {
    const { sessionId } = order;
    let seq = 0;
    let offset = 0;
    const say = (type: string, body: object): void => {
      if (!channel.sessions.has(sessionId)) return;
      const line = `${JSON.stringify({ v: 1, session: sessionId, seq, type, ...body })}\n`;
      seq += 1;
      channel.guestAppend(sessionId, options.garble?.(type, line) ?? line);
    };
    const heard = (): { type: string; deadlineMs?: number } | undefined => {
      if (!channel.sessions.has(sessionId)) return undefined;
      const text = channel.guestRead(sessionId, offset).toString('utf8');
      const end = text.indexOf('\n');
      if (end < 0) return undefined;
      offset += Buffer.byteLength(text.slice(0, end + 1));
      return JSON.parse(text.slice(0, end)) as { type: string; deadlineMs?: number };
    };
    const times = () => ({ monotonicMs: clock.monotonicMs(), utc: clock.now().toISOString() });
    const end = (): void => {
      if (options.neverDone !== true) say('done', { postHooks: [] });
      command.ended = true;
    };

    await clock.sleep(options.startDelayMs ?? 2_000);
    if (options.exitCode !== undefined || options.silent === true) {
      command.ended = options.exitCode !== undefined;
      return;
    }
    const mounts = options.luns.map((lun) => ({
      mountPoint: lun === -1 ? '/' : `/data${lun}`,
      fsType: 'ext4',
      device: `/dev/sd${lun + 1}`,
      luns: [lun],
      freezable: true,
    }));
    say('hello', {
      helperSha256: createHash('sha256').update(order.helperSource).digest('hex'),
      helperVersion: '1',
      bootId: 'boot',
      mounts,
      disks: options.luns.map((lun) => ({
        lun,
        covered: lun !== options.uncoveredLun,
        uncovered: lun === options.uncoveredLun ? [{ what: '/dev/sdc', reason: 'raw volume' }] : [],
      })),
      preHooks: options.preHooks ?? [],
      ...times(),
    });
    const helloUntilMs = clock.monotonicMs() + order.helloTimeoutMs;
    let go: { type: string; deadlineMs?: number } | undefined;
    while (go === undefined) {
      if (clock.monotonicMs() >= helloUntilMs) return end();
      const message = heard();
      if (message?.type === 'abort') return end();
      if (message?.type === 'go') go = message;
      else await clock.sleep(POLL_MS);
    }
    if (options.freezeFails !== undefined) {
      say('failed', { stage: 'freeze', reason: options.freezeFails, thawed: [] });
      return end();
    }
    const freeze: FreezeHistory = { sessionId, frozenAtMs: clock.monotonicMs() };
    freezes.push(freeze);
    const deadlineMs = options.ownDeadlineMs ?? go.deadlineMs ?? 10_000;
    say('frozen', {
      mounts: mounts.map(({ mountPoint }) => ({ mountPoint, ok: true })),
      deadlineMs,
      ...times(),
    });
    let cause: 'released' | 'deadline' = 'deadline';
    while (clock.monotonicMs() < freeze.frozenAtMs + deadlineMs) {
      const message = heard();
      if (message?.type === 'release' || message?.type === 'abort') {
        cause = 'released';
        break;
      }
      await clock.sleep(Math.min(POLL_MS, freeze.frozenAtMs + deadlineMs - clock.monotonicMs()));
    }
    freeze.thawedAtMs = clock.monotonicMs();
    freeze.cause = cause;
    say('thawed', {
      cause,
      mounts: mounts.map(({ mountPoint }) =>
        mountPoint === options.thawFailsAt
          ? { mountPoint, ok: false, errno: 'EINVAL' }
          : { mountPoint, ok: true },
      ),
      heldMs: freeze.thawedAtMs - freeze.frozenAtMs,
      ...times(),
    });
    end();
  };

  return {
    freezes,
    commands,
    idOf,
    async idle() {
      await Promise.all(running);
    },
    start: (order) =>
      faults.run('commands.start', async (): Promise<Outcome<void>> => {
        if (options.refuse !== undefined) {
          return refused('GuestCommandRefused', `refused: ${options.refuse}`, order.vmId);
        }
        const id = idOf(order.vmId, order.sessionId);
        if (!commands.has(id)) {
          const command = { order, ended: false };
          commands.set(id, command);
          running.push(helper(order, command));
        }
        return done(undefined);
      }),
    readState: (commandId) =>
      faults.run('commands.readState', () => {
        const command = commands.get(commandId);
        if (command === undefined) return undefined;
        if (!command.ended) return { execution: 'running' as const, output: '' };
        return (options.exitCode ?? 0) === 0
          ? { execution: 'succeeded' as const, exitCode: 0, output: '' }
          : { execution: 'failed' as const, exitCode: options.exitCode ?? 1, output: 'no python3' };
      }),
    readTags: (commandId) =>
      faults.run('commands.readTags', () => commands.get(commandId)?.order.tags),
    remove: (commandId) => faults.run('commands.remove', () => void commands.delete(commandId)),
  };
}
