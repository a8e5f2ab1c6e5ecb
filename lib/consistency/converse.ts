import { done, type Outcome, type Refusal, refused } from '../outcome.ts';
import type { GuestCommandState } from '../ports/guest-commands.ts';
import type { ConsistencyPorts } from './consistency-ports.ts';
import type {
  DoneMessage,
  FrozenMessage,
  GuestMessage,
  HelloMessage,
  ThawedMessage,
} from './guest-messages.ts';
import type { LockstepAttempt } from './lockstep-attempt.ts';
import { takeSnapshotSet } from './take-snapshot-set.ts';

/** What the guest said around one set of snapshots, all of which were taken. */
export interface Conversation {
  readonly hello: HelloMessage;
  readonly frozen: FrozenMessage;
  readonly thawed?: ThawedMessage;
  readonly done?: DoneMessage;
}

/** How often the state of the command is read while the guest is silent: 12 reads a minute per VM. */
const COMMAND_STATE_EVERY_MS = 10_000;

/**
 * From the guest's `hello` to its `done`, with the set of snapshots in between. A refusal or a throw
 * leaves it to the caller to tell the guest to end, except that it was told already when the set
 * failed. A set whose guest thawed too early is finished all the same: the verdict says what it is
 * worth.
 */
export async function converse(
  ports: ConsistencyPorts,
  plan: LockstepAttempt,
): Promise<Outcome<Conversation>> {
  const { session, evidence, timings } = plan;
  const { clock } = ports;
  const deadlineMs = plan.point.requested.freezeDeadlineMs;
  const hear = async (waitMs: number, signal?: AbortSignal): Promise<GuestMessage | undefined> => {
    const message = await session.next({
      untilMs: clock.monotonicMs() + waitMs,
      pollMs: timings.channelPollMs,
      ...(signal === undefined ? {} : { signal }),
    });
    noteHeard(plan, message);
    return message;
  };

  const hello = await awaitHello(ports, plan, hear);
  if (!hello.ok) return hello;

  await session.send({ type: 'go', deadlineMs });
  evidence.note('goWritten', { deadlineMs });
  const frozen = await hear(deadlineMs + timings.freezeMarginMs);
  if (frozen?.type !== 'frozen') return notFrozen(frozen);

  // From here on the guest is frozen: nothing but snapshot requests, polls and this conversation.
  const stopSet = new AbortController();
  const stopListening = new AbortController();
  let early: GuestMessage | undefined;
  let guestError: unknown;
  const listening = hear(timings.setLimitMs + timings.thawedWaitMs, stopListening.signal).then(
    (message) => {
      early = message;
    },
    (error: unknown) => {
      guestError = error;
      stopSet.abort(error);
    },
  );
  const set = await takeSnapshotSet(ports, plan.orders, evidence, {
    limitMs: timings.setLimitMs,
    signal: stopSet.signal,
    onFailure: () => tellToEnd(ports, plan),
  });
  if (set.ok && early === undefined && guestError === undefined) {
    await session.send({ type: 'release' });
    evidence.note('releaseWritten');
  }
  stopListening.abort();
  await listening;
  if (guestError !== undefined) throw guestError;
  if (!set.ok) {
    if (set.refusal !== undefined) return set.refusal;
    throw set.error;
  }

  const thawed = early ?? (await hear(timings.thawedWaitMs));
  const ended = thawed?.type === 'thawed' ? await hear(timings.doneWaitMs) : undefined;
  return done({
    hello: hello.value,
    frozen,
    ...(thawed?.type === 'thawed' ? { thawed } : {}),
    ...(ended?.type === 'done' ? { done: ended } : {}),
  });
}

async function awaitHello(
  ports: ConsistencyPorts,
  plan: LockstepAttempt,
  hear: (waitMs: number) => Promise<GuestMessage | undefined>,
): Promise<Outcome<HelloMessage>> {
  const untilMs = ports.clock.monotonicMs() + plan.timings.helloWaitMs;
  for (;;) {
    const leftMs = untilMs - ports.clock.monotonicMs();
    if (leftMs <= 0) {
      return refused(
        'GuestSilent',
        `The helper in ${plan.point.vmName} did not answer within ${Math.round(plan.timings.helloWaitMs / 1000)} s. Look at the VM's agent, and whether the VM can reach the session account.`,
        plan.point.vmId,
      );
    }
    const message = await hear(Math.min(leftMs, COMMAND_STATE_EVERY_MS));
    if (message?.type === 'hello') return done(message);
    if (message?.type === 'failed') return guestFailed(message.stage, message.reason);
    const state = await readCommandState(ports, plan);
    if (state?.execution === 'failed' || state?.execution === 'succeeded') {
      // It may have spoken between our last look and its end.
      const late = await hear(0);
      if (late?.type === 'hello') return done(late);
      if (late?.type === 'failed') return guestFailed(late.stage, late.reason);
      return refused(
        'GuestHelperEnded',
        `The helper in ${plan.point.vmName} ended with exit code ${state.exitCode ?? 'unknown'} and said nothing. It printed: ${state.output.slice(-500)}`,
        plan.point.vmId,
      );
    }
  }
}

/** Only helps to end the wait early: when it cannot be read, the wait goes on. */
async function readCommandState(
  ports: ConsistencyPorts,
  plan: LockstepAttempt,
): Promise<GuestCommandState | undefined> {
  try {
    return await ports.commands.readState(plan.commandId);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    ports.events.emit('GuestCommandStateUnknown', { commandId: plan.commandId, message });
    return undefined;
  }
}

const guestFailed = (stage: string, reason: string): Refusal =>
  refused('GuestFreezeFailed', `The guest failed at stage ${stage}: ${reason.slice(0, 500)}`);

function notFrozen(message: GuestMessage | undefined): Refusal {
  if (message?.type === 'failed') return guestFailed(message.stage, message.reason);
  if (message?.type === 'done') {
    return refused('GuestFreezeFailed', 'The helper ended before it froze anything.');
  }
  return refused(
    'GuestSilent',
    'The guest did not report a freeze in time; it was told to end, and thaws by itself.',
  );
}

/** For a guest that may be frozen. What cannot be delivered is left to the guest's deadline. */
async function tellToEnd(ports: ConsistencyPorts, plan: LockstepAttempt): Promise<void> {
  try {
    await plan.session.send({ type: 'abort', reason: 'the set of snapshots failed' });
    plan.evidence.note('abortWritten');
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    ports.events.emit('GuestNotTold', { session: plan.session.sessionId, message });
  }
}

function noteHeard({ evidence }: LockstepAttempt, message: GuestMessage | undefined): void {
  switch (message?.type) {
    case 'hello':
      evidence.note('helloRead', {
        helperVersion: message.helperVersion.slice(0, 40),
        helperSha256: message.helperSha256,
        mounts: message.mounts.length,
      });
      return;
    case 'frozen':
      evidence.note('frozenRead', { mounts: message.mounts.length });
      return;
    case 'failed':
      evidence.note('failedRead', { stage: message.stage });
      return;
    case 'thawed':
      evidence.note('thawedRead', { cause: message.cause, heldMs: message.heldMs });
      return;
    case 'done':
      evidence.note('doneRead');
      return;
    case undefined:
      return;
  }
}
