import type { Verdict } from '../catalog/labels.ts';
import type { DiskSnapshot } from '../catalog/restore-point.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { ConsistencyPorts } from './consistency-ports.ts';
import { type Conversation, converse } from './converse.ts';
import { abortSessionsOf, doomAll, endEarlierAttempts } from './end-attempt.ts';
import { GuestAnswerInvalidError } from './guest-session.ts';
import { judgeLockstep } from './judge-lockstep.ts';
import { commandTags, type LockstepAttempt, noteAttempt, planAttempt } from './lockstep-attempt.ts';
import { claimPreparingPoint, type PointInput, readPreparingPoint } from './preparing-point.ts';
import { readTakenSnapshot } from './snapshot-facts.ts';

export interface DiskSnapshotTaken {
  readonly diskKey: string;
  readonly snapshot: DiskSnapshot;
}

export interface SnapshotSet {
  readonly attempt: string;
  readonly snapshots: readonly DiskSnapshotTaken[];
  readonly verdict: Verdict;
}

/**
 * Freezes the VM's file systems, takes one snapshot of each disk at once, thaws, and judges what that
 * is worth. All of it happens inside this one call: nothing waits in a queue while a guest is frozen.
 *
 * Every call is an attempt of its own with a number of its own; whatever an earlier call of the same
 * run left (its host died, its answer was lost) is ended and doomed first, and never used. A refusal
 * or a throw leaves a guest that was told to thaw, or thaws at its deadline, and nothing undoomed.
 *
 * Throws `ThrottledError` when the platform says 429; refuses with `SnapshotRefused`, `GuestSilent`,
 * `GuestHelperEnded`, `GuestFreezeFailed`, `GuestAnswerInvalid`, `GuestCommandRefused`,
 * `DisksChanged`, `SnapshotNotOurs` or `PointNotPreparing`.
 */
export async function snapshotInLockstep(
  ports: ConsistencyPorts,
  input: PointInput,
): Promise<Outcome<SnapshotSet>> {
  const row = await claimPreparingPoint(ports.catalog, input);
  if (!row.ok) return row;
  const ended = await endEarlierAttempts(ports, input.runId, 'another attempt at the set began');
  const plan = planAttempt(ports, row.value.value);
  ports.events.emit('LockstepAttemptBegun', {
    runId: input.runId,
    pointId: input.pointId,
    attempt: plan.attempt,
    endedResources: ended,
  });
  try {
    await noteAttempt(ports, plan);
    const taken = await takeSet(ports, plan);
    // The run may have been closed meanwhile, by somebody who could not see all that was made here.
    const still = taken.ok ? await readPreparingPoint(ports.catalog, input) : taken;
    const outcome = still.ok ? taken : still;
    if (!outcome.ok) await giveUp(ports, plan, outcome.errorCode);
    else await releaseSession(ports, plan);
    return outcome;
  } catch (error) {
    await giveUp(ports, plan, error instanceof Error ? error.name : 'an error');
    if (error instanceof GuestAnswerInvalidError) {
      return refused(error.errorCode, error.message, plan.point.vmId);
    }
    throw error;
  }
}

async function takeSet(
  ports: ConsistencyPorts,
  plan: LockstepAttempt,
): Promise<Outcome<SnapshotSet>> {
  const { point, session, timings } = plan;
  await ports.channel.open(session.sessionId);
  const started = await ports.commands.start({
    vmId: point.vmId,
    region: point.region,
    sessionId: session.sessionId,
    helperSource: ports.helperSource,
    helloTimeoutMs: timings.helloWaitMs,
    timeLimitMs: timings.helloWaitMs * 2 + timings.setLimitMs + timings.doneWaitMs + 60_000,
    tags: commandTags(ports, plan),
  });
  if (!started.ok) return started;
  const conversation = await converse(ports, plan);
  if (!conversation.ok) return conversation;
  const snapshots = await readSet(ports, plan);
  if (!snapshots.ok) return snapshots;
  const verdict = judge(plan, conversation.value);
  ports.events.emit('LockstepJudged', {
    runId: point.runId,
    pointId: point.pointId,
    attempt: plan.attempt,
    achieved: verdict.achieved,
    freezeHeldMs: verdict.freezeHeldMs,
    slowestSnapshotMs: verdict.slowestSnapshotMs,
  });
  return done({ attempt: plan.attempt, snapshots: snapshots.value, verdict });
}

async function readSet(
  ports: ConsistencyPorts,
  { point, orders, attempt }: LockstepAttempt,
): Promise<Outcome<readonly DiskSnapshotTaken[]>> {
  const read = await Promise.all(
    point.disks.map(async (disk) => {
      const order = orders.find((one) => one.diskKey === disk.diskKey);
      const id = ports.snapshots.idOf(order?.order.name ?? '');
      return {
        diskKey: disk.diskKey,
        found: await readTakenSnapshot(ports.snapshots, id, disk, attempt),
      };
    }),
  );
  const taken: DiskSnapshotTaken[] = [];
  for (const { diskKey, found } of read) {
    if (!found.ok) return found;
    taken.push({ diskKey, snapshot: found.value });
  }
  return done(taken);
}

const judge = (plan: LockstepAttempt, conversation: Conversation): Verdict =>
  judgeLockstep({
    requested: plan.point.requested,
    disks: plan.point.disks.map(({ diskKey, lun }) => ({ diskKey, lun })),
    events: plan.evidence.events(),
    ...conversation,
  });

/** The set stays; its session and command have served. */
async function releaseSession(ports: ConsistencyPorts, plan: LockstepAttempt): Promise<void> {
  const rows = plan.made.filter((row) => row.kind !== 'snapshot');
  try {
    await doomAll(ports, rows, 'the set is taken');
  } catch (error) {
    // The rows still say `made`, and recordPoint dooms what is left of them.
    const message = error instanceof Error ? error.message : String(error);
    ports.events.emit('DoomingFailed', { runId: plan.point.runId, message });
  }
}

/** Lets the guest go and dooms everything; what the catalog refuses stays `made` for failPoint. */
async function giveUp(ports: ConsistencyPorts, plan: LockstepAttempt, why: string): Promise<void> {
  const reason = `attempt ${plan.attempt} ended: ${why}`;
  await abortSessionsOf(ports, plan.made, reason);
  try {
    await doomAll(ports, plan.made, reason);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    ports.events.emit('DoomingFailed', { runId: plan.point.runId, message });
  }
}
