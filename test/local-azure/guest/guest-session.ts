import { setTimeout as sleep } from 'node:timers/promises';
import { type GuestBehaviour, type GuestMessageType, makeGarbage } from './behaviour.ts';
import { type BlobChannel, ChannelRefusedError } from './blob-channel.ts';
import {
  type CloudMessage,
  CloudProtocolError,
  createCloudMessageReader,
} from './cloud-messages.ts';
import type { FreezeHistory } from './freeze-history.ts';
import { createFrozenSection, type FrozenSection, type ThawReport } from './frozen-section.ts';
import type { Mount } from './mount.ts';

/** What a guest tells about itself in `hello`; the disks are those that the VM really has. */
export interface GuestFacts {
  readonly vmId: string;
  readonly bootId: string;
  readonly mounts: readonly Mount[];
  readonly luns: readonly number[];
}

export interface GuestSessionOptions {
  readonly session: string;
  readonly facts: GuestFacts;
  readonly behaviour: GuestBehaviour;
  readonly channel: BlobChannel;
  readonly freezes: FreezeHistory;
  readonly helper: { readonly helperSha256: string; readonly helperVersion: string };
  readonly helloTimeoutMs: number;
  readonly pollMs: number;
  /** Aborted by SIGKILL: whatever the session awaits ends. */
  readonly signal: AbortSignal;
  readonly log: GuestSessionLog;
}

/** What was said, for the test that asks. */
export interface GuestSessionLog {
  said(type: GuestMessageType, asGarbage: boolean): void;
  heard(message: CloudMessage): void;
  /** The freeze began; its watchdog outlives the session. */
  armed(section: FrozenSection): void;
}

/** Why a session ends without `done`: the process was killed, by itself or from outside. */
export class ProcessKilledError extends Error {
  override readonly name = 'ProcessKilledError';
}

/**
 * The helper's first process: hello, then go, frozen, release, thawed, done as in version 1 of the
 * guest session protocol. Throws when the channel or the cloud fails it, thawed by then.
 */
export async function runGuestSession(options: GuestSessionOptions): Promise<void> {
  const { behaviour, signal } = options;
  if (behaviour.silent) await forever(signal);
  const talk = createTalk(options);
  if (behaviour.failsAt !== undefined) {
    const reason = `the simulated guest fails at ${behaviour.failsAt}`;
    await talk.say('failed', { stage: behaviour.failsAt, reason, thawed: [] });
    await endSession(options, talk);
    return;
  }
  await talk.say('hello', describeGuest(options));

  const first = await talk.hear(options.helloTimeoutMs);
  if (first === undefined || first.type === 'abort') {
    await endSession(options, talk);
    return;
  }
  if (first.type !== 'go') throw new CloudProtocolError(`${first.type} before go`);

  const section = openFrozenSection(options, first.deadlineMs);
  options.log.armed(section);
  const frozen = await section.freeze();
  if (frozen.kind === 'failed') {
    const { reason, thawed } = frozen;
    await talk.say('failed', { stage: 'freeze', reason, thawed });
    await endSession(options, talk);
    return;
  }
  const mounts = options.facts.mounts.filter((mount) => isCovered(options, mount));
  const reportThaw = async (report: ThawReport) => {
    const { cause, heldMs } = report;
    await talk.say('thawed', { cause, mounts: report.mounts, heldMs, ...clocks() });
    await endSession(options, talk);
  };
  try {
    await talk.say('frozen', {
      mounts: mounts.map(({ mountPoint }) => ({ mountPoint, ok: true })),
      deadlineMs: first.deadlineMs,
      ...clocks(),
    });
    scheduleForeignThaw(options, mounts, section);
    await waitForRelease(talk, section);
  } catch (error) {
    // A killed process thaws nothing: that is the watchdog's work.
    if (!signal.aborted && !(error instanceof ProcessKilledError)) {
      // What failed may be the channel itself; the first error is the one that tells.
      await reportThaw(section.thaw('failure')).catch(() => undefined);
    }
    throw error;
  }
  await reportThaw(await section.ended);
}

/** Until the cloud says so or the watchdog has thawed. */
async function waitForRelease(talk: Talk, section: FrozenSection): Promise<void> {
  let ended = false;
  section.ended.then(
    () => {
      ended = true;
    },
    () => undefined,
  );
  while (!ended) {
    const message = await talk.poll();
    if (message === undefined) continue;
    if (message.type === 'go') throw new CloudProtocolError('go a second time');
    section.thaw('released');
    return;
  }
}

function openFrozenSection(options: GuestSessionOptions, toldDeadlineMs: number): FrozenSection {
  const { behaviour, facts, signal } = options;
  const mounts = facts.mounts.filter((mount) => isCovered(options, mount));
  const failing = behaviour.freezeFails;
  const failingMount =
    failing?.mountPoint ??
    [...mounts].sort((a, b) => a.mountPoint.length - b.mountPoint.length)[0]?.mountPoint;
  return createFrozenSection({
    mounts,
    deadlineMs: Math.min(toldDeadlineMs, behaviour.thawsAfterMs ?? Number.POSITIVE_INFINITY),
    log: options.freezes.open(facts.vmId, options.session, toldDeadlineMs),
    beforeEachFreeze: () => sleep(behaviour.freezeTakesMs ?? 1, undefined, { signal }),
    freezeErrno: (mount) =>
      failing !== undefined && mount.mountPoint === failingMount ? failing.errno : undefined,
  });
}

function scheduleForeignThaw(
  options: GuestSessionOptions,
  mounts: readonly Mount[],
  section: FrozenSection,
): void {
  const wanted = options.behaviour.thawFails;
  if (wanted === undefined) return;
  const mount = mounts.find(({ mountPoint }) => mountPoint === wanted.mountPoint) ?? mounts[0];
  setTimeout(() => {
    if (section.isHolding && mount?.thaw() === 'ok')
      options.freezes.foreignThaw(options.session, mount);
  }, wanted.afterMs ?? 20);
}

function describeGuest(options: GuestSessionOptions): Record<string, unknown> {
  const { facts, behaviour } = options;
  return {
    ...options.helper,
    bootId: facts.bootId,
    mounts: facts.mounts
      .filter((mount) => isCovered(options, mount))
      .map(({ mountPoint, fsType, device, lun }) => ({
        ...{ mountPoint, fsType, device, luns: [lun], freezable: true },
      })),
    disks: facts.luns.map((lun) => {
      const mount = facts.mounts.find((candidate) => candidate.lun === lun);
      const covered = mount !== undefined && isCovered(options, mount);
      const what = mount?.device ?? `disk at LUN ${lun}`;
      return {
        ...{ lun, covered },
        uncovered: covered ? [] : [{ what, reason: 'raw volume without a mounted file system' }],
      };
    }),
    preHooks: hookResults(behaviour, 'pre'),
    ...clocks(),
  };
}

function isCovered(options: GuestSessionOptions, mount: Mount): boolean {
  return !(options.behaviour.uncoveredLuns ?? []).includes(mount.lun);
}

function hookResults(behaviour: GuestBehaviour, stage: 'pre' | 'post'): Record<string, unknown>[] {
  return (behaviour.hooks ?? [])
    .filter((hook) => hook.stage === stage)
    .map(({ name, exitCode }) => ({ name, ok: exitCode === 0, exitCode, ms: 5 }));
}

function clocks(): { readonly monotonicMs: number; readonly utc: string } {
  return { monotonicMs: performance.now(), utc: new Date().toISOString() };
}

async function endSession(options: GuestSessionOptions, talk: Talk): Promise<void> {
  const { noDone } = options.behaviour;
  if (noDone === 'hangs') await forever(options.signal);
  if (noDone === 'ends') return;
  await talk.say('done', { postHooks: hookResults(options.behaviour, 'post') });
}

interface Talk {
  say(type: GuestMessageType, fields: Readonly<Record<string, unknown>>): Promise<void>;
  /** The next message after one poll; undefined when none is there yet. */
  poll(): Promise<CloudMessage | undefined>;
  /** The next message; undefined when none came in time. */
  hear(timeoutMs: number): Promise<CloudMessage | undefined>;
}

function createTalk(options: GuestSessionOptions): Talk {
  const { session, behaviour, channel, signal, log } = options;
  const reader = createCloudMessageReader(session);
  const waiting: CloudMessage[] = [];
  let seq = 0;

  async function poll(): Promise<CloudMessage | undefined> {
    if (waiting.length === 0) {
      await sleep(options.pollMs, undefined, { signal });
      waiting.push(...(await readQuietly()));
    }
    const message = waiting.shift();
    if (message !== undefined) log.heard(message);
    return message;
  }

  /** A connection that breaks is asked again; what the service refuses for good is not. */
  async function readQuietly(): Promise<CloudMessage[]> {
    let data: Buffer | undefined;
    try {
      data = await channel.read();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ChannelRefusedError) throw error;
      return [];
    }
    return data === undefined ? [] : reader.push(data);
  }

  return {
    poll,
    async say(type, fields) {
      const message = { v: 1, session, seq, type, ...fields };
      seq += 1;
      const asGarbage = behaviour.garbage?.at === type;
      const data =
        behaviour.garbage !== undefined && asGarbage
          ? makeGarbage(behaviour.garbage.kind, message)
          : Buffer.from(`${JSON.stringify(message)}\n`);
      if (behaviour.answersAfterMs !== undefined) {
        await sleep(behaviour.answersAfterMs, undefined, { signal });
      }
      await channel.append(data);
      log.said(type, asGarbage);
      if (behaviour.diesAfter === type) throw new ProcessKilledError(`died after ${type}`);
    },
    async hear(timeoutMs) {
      const untilMs = performance.now() + timeoutMs;
      while (performance.now() < untilMs) {
        const message = await poll();
        if (message !== undefined) return message;
      }
      return undefined;
    },
  };
}

/** Until the process is killed. */
async function forever(signal: AbortSignal): Promise<never> {
  for (;;) await sleep(60_000, undefined, { signal });
}
