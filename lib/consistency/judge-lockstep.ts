import type {
  ConsistencyLabel,
  ConsistencyRequest,
  EvidenceEvent,
  Verdict,
} from '../catalog/labels.ts';
import type { DoneMessage, FrozenMessage, HelloMessage, ThawedMessage } from './guest-messages.ts';

export interface LockstepEvidence {
  readonly requested: ConsistencyRequest;
  /** The disks of the point; lun -1 is the OS disk. */
  readonly disks: readonly { readonly diskKey: string; readonly lun: number }[];
  readonly events: readonly EvidenceEvent[];
  readonly hello: HelloMessage;
  readonly frozen?: FrozenMessage;
  readonly thawed?: ThawedMessage;
  readonly done?: DoneMessage;
}

/** What a set of snapshots is worth when nothing held the disks still. */
export const unfrozenLabel = (diskCount: number): ConsistencyLabel =>
  diskCount === 1 ? 'crash' : 'uncoordinated';

/**
 * The label that a set earned, with one reason for each fact that made or lowered it. Decides by the
 * ORDER of what the service saw and did, and by what the guest reported of its mounts; no clock of any
 * machine takes part. Any doubt lowers the label.
 */
export function judgeLockstep(evidence: LockstepEvidence): Verdict {
  const { requested, events, thawed } = evidence;
  const doubts = [
    ...doubtsOfOrder(evidence),
    ...doubtsOfCoverage(evidence),
    ...doubtsOfFreeze(evidence),
    ...doubtsOfThaw(evidence),
  ];
  const achieved = doubts.length > 0 ? unfrozenLabel(evidence.disks.length) : heldLabel(evidence);
  const slowest = slowestOf(events);
  return {
    provider: 'lockstep',
    requested: requested.label,
    achieved,
    reasons: [...(doubts.length > 0 ? few(doubts) : [HELD]), ...few(notesOnHooks(evidence))],
    evidence: events,
    ...(thawed === undefined ? {} : { freezeHeldMs: Math.round(thawed.heldMs) }),
    ...(slowest === undefined ? {} : { slowestSnapshotMs: slowest }),
  };
}

const HELD =
  'Every file system of the VM was frozen before the first snapshot was asked for, and thawed because of our release after the last one was done.';

/** Every hook must have succeeded, so a guest that never told how its post hooks ended earns less. */
function heldLabel({ hello, done }: LockstepEvidence): ConsistencyLabel {
  if (hello.preHooks.length === 0 || done === undefined) return 'fileSystem';
  const hooks = [...hello.preHooks, ...done.postHooks];
  return hooks.every((hook) => hook.ok) ? 'application' : 'fileSystem';
}

function doubtsOfOrder({ events, disks }: LockstepEvidence): string[] {
  const doubts: string[] = [];
  const orders = events.map((event) => event.order);
  if (orders.some((order, index) => index > 0 && order <= (orders[index - 1] ?? 0))) {
    return ['The evidence is not in order.'];
  }
  const first = (what: EvidenceEvent['what']): number =>
    events.find((event) => event.what === what)?.order ?? Number.POSITIVE_INFINITY;
  const frozen = first('frozenRead');
  const release = first('releaseWritten');
  if (frozen === Number.POSITIVE_INFINITY) doubts.push('The guest never reported that it froze.');
  if (first('goWritten') > frozen)
    doubts.push('The guest reported a freeze that nobody asked for.');
  if (first('snapshotRequested') < frozen) {
    doubts.push('A snapshot was asked for before the guest reported that it was frozen.');
  }
  if (release === Number.POSITIVE_INFINITY) doubts.push('The guest was never told to thaw.');
  for (const { diskKey, lun } of disks) {
    const of = (what: EvidenceEvent['what']): readonly EvidenceEvent[] =>
      events.filter((event) => event.what === what && event.detail?.['diskKey'] === diskKey);
    const requests = of('snapshotRequested');
    const [success, ...more] = of('snapshotSucceeded');
    if (requests.length !== 1 || success === undefined || more.length > 0) {
      doubts.push(`The disk on LUN ${lun} has not exactly one snapshot in this set.`);
    } else if (success.order < (requests[0]?.order ?? Number.POSITIVE_INFINITY)) {
      doubts.push(`The snapshot of LUN ${lun} was done before it was asked for.`);
    } else if (success.order > release) {
      doubts.push(`The guest was told to thaw before the snapshot of LUN ${lun} was done.`);
    }
  }
  for (const [what, text] of [
    ['snapshotRefused', 'A snapshot of this set was refused.'],
    ['abortWritten', 'The set was given up.'],
    ['failedRead', 'The guest reported that it could not freeze.'],
  ] as const) {
    if (first(what) !== Number.POSITIVE_INFINITY) doubts.push(text);
  }
  return doubts;
}

function doubtsOfCoverage({ hello, disks }: LockstepEvidence): string[] {
  const doubts: string[] = [];
  for (const { lun } of disks) {
    const seen = hello.disks.filter((disk) => disk.lun === lun);
    const what = seen.flatMap((disk) => disk.uncovered);
    if (seen.length === 0) {
      doubts.push(`The guest did not find the disk on LUN ${lun}.`);
    } else if (seen.some((disk) => !disk.covered) || what.length > 0) {
      const named = few(what.map((part) => `${clip(part.what)} (${clip(part.reason)})`)).join(', ');
      doubts.push(`A freeze does not cover all data of LUN ${lun}: ${named || 'no detail given'}.`);
    }
  }
  const luns = new Set(disks.map((disk) => disk.lun));
  for (const mount of hello.mounts.filter((one) => one.luns.some((lun) => !luns.has(lun)))) {
    doubts.push(`${clip(mount.mountPoint)} lies on a disk that is not part of this point.`);
  }
  return doubts;
}

function doubtsOfFreeze({ hello, frozen }: LockstepEvidence): string[] {
  if (frozen === undefined) return ['The guest did not say which file systems it froze.'];
  if (frozen.mounts.length === 0) return ['The guest froze no file system at all.'];
  const reported = new Set(frozen.mounts.map((mount) => mount.mountPoint));
  return hello.mounts
    .filter((mount) => mount.freezable && !reported.has(mount.mountPoint))
    .map((mount) => `${clip(mount.mountPoint)} was not reported as frozen.`);
}

function doubtsOfThaw({ events, frozen, thawed }: LockstepEvidence): string[] {
  if (frozen === undefined) return [];
  if (thawed === undefined) return ['The guest never reported how it thawed.'];
  const doubts: string[] = [];
  const orderOf = (what: EvidenceEvent['what']): number =>
    events.find((event) => event.what === what)?.order ?? Number.POSITIVE_INFINITY;
  if (thawed.cause === 'deadline') {
    doubts.push('The guest thawed by itself at its deadline, before the set was done.');
  } else if (thawed.cause === 'failure') {
    doubts.push('The guest thawed because something failed inside it.');
  }
  if (orderOf('thawedRead') === Number.POSITIVE_INFINITY) {
    doubts.push('The thaw was not observed.');
  } else if (orderOf('thawedRead') < orderOf('releaseWritten')) {
    doubts.push('The guest had thawed before it was told to.');
  }
  for (const mount of thawed.mounts.filter((one) => !one.ok)) {
    const errno = mount.errno === undefined ? '' : ` (${clip(mount.errno)})`;
    doubts.push(`${clip(mount.mountPoint)} was no longer frozen when we thawed it${errno}.`);
  }
  const thawedMounts = new Set(thawed.mounts.map((mount) => mount.mountPoint));
  for (const mount of frozen.mounts.filter((one) => !thawedMounts.has(one.mountPoint))) {
    doubts.push(`${clip(mount.mountPoint)} was frozen, and its thaw was not reported.`);
  }
  if ((thawed.unfrozenSectorsWritten ?? 0) > 0) {
    doubts.push('A mount that cannot be frozen was written to while the others were frozen.');
  }
  return doubts;
}

function notesOnHooks({ hello, done }: LockstepEvidence): string[] {
  const failed = (hooks: HelloMessage['preHooks'], kind: string): string[] =>
    hooks
      .filter((hook) => !hook.ok)
      .map((hook) => `The ${kind} hook ${clip(hook.name)} ended with exit code ${hook.exitCode}.`);
  return [...failed(hello.preHooks, 'pre'), ...failed(done?.postHooks ?? [], 'post')];
}

function slowestOf(events: readonly EvidenceEvent[]): number | undefined {
  const durations = events.flatMap((event) => {
    const ms = event.what === 'snapshotSucceeded' ? event.detail?.['ms'] : undefined;
    return typeof ms === 'number' ? [ms] : [];
  });
  return durations.length === 0 ? undefined : Math.max(...durations);
}

/** The guest chooses these texts. */
const clip = (text: string): string => (text.length <= 200 ? text : `${text.slice(0, 200)}…`);

/** Reasons go into rows, answers and the run's history; a guest may have thousands of mounts. */
const MOST_NAMED = 10;
const few = (texts: readonly string[]): readonly string[] =>
  texts.length <= MOST_NAMED
    ? texts
    : [...texts.slice(0, MOST_NAMED), `and ${texts.length - MOST_NAMED} more`];
