import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EvidenceEvent } from '../../../lib/catalog/labels.ts';
import type { HelloMessage } from '../../../lib/consistency/guest-messages.ts';
import { judgeLockstep, type LockstepEvidence } from '../../../lib/consistency/judge-lockstep.ts';
import { REQUEST } from '../../fakes/lockstep-world.ts';

const DISKS = [
  { diskKey: 'os', lun: -1 },
  { diskKey: 'data', lun: 0 },
] as const;
const base = { v: 1, session: 's-1', seq: 0 } as const;
const times = { monotonicMs: 1, utc: '2026-11-23T18:15:01Z' } as const;

const hello: HelloMessage = {
  ...base,
  ...times,
  type: 'hello',
  helperSha256: 'a'.repeat(64),
  helperVersion: '1',
  bootId: 'b',
  mounts: [
    { mountPoint: '/', fsType: 'ext4', device: '/dev/sda1', luns: [-1], freezable: true },
    { mountPoint: '/data', fsType: 'xfs', device: '/dev/sdc1', luns: [0], freezable: true },
  ],
  disks: [
    { lun: -1, covered: true, uncovered: [] },
    { lun: 0, covered: true, uncovered: [] },
  ],
  preHooks: [],
};
const frozen = {
  ...base,
  ...times,
  type: 'frozen',
  deadlineMs: 10_000,
  mounts: [
    { mountPoint: '/', ok: true },
    { mountPoint: '/data', ok: true },
  ],
} as const;
const thawed = {
  ...base,
  ...times,
  type: 'thawed',
  cause: 'released',
  heldMs: 900,
  mounts: [
    { mountPoint: '/', ok: true },
    { mountPoint: '/data', ok: true },
  ],
} as const;

type Step = Pick<EvidenceEvent, 'what' | 'detail'>;
const STEPS: readonly Step[] = [
  { what: 'helloRead' },
  { what: 'goWritten' },
  { what: 'frozenRead' },
  { what: 'snapshotRequested', detail: { diskKey: 'os' } },
  { what: 'snapshotRequested', detail: { diskKey: 'data' } },
  { what: 'snapshotSucceeded', detail: { diskKey: 'data', ms: 700 } },
  { what: 'snapshotSucceeded', detail: { diskKey: 'os', ms: 800 } },
  { what: 'releaseWritten' },
  { what: 'thawedRead' },
  { what: 'doneRead' },
];
const numbered = (steps: readonly Step[]): EvidenceEvent[] =>
  steps.map((step, index) => ({ order: index + 1, atUtc: '2026-11-23T18:15:01.000Z', ...step }));

const good: LockstepEvidence = {
  requested: REQUEST,
  disks: DISKS,
  events: numbered(STEPS),
  hello,
  frozen,
  thawed,
};
const without = (what: string): EvidenceEvent[] =>
  numbered(STEPS.filter((step) => step.what !== what));
const moved = (from: number, to: number): EvidenceEvent[] => {
  const steps = [...STEPS];
  const [step] = steps.splice(from, 1);
  if (step !== undefined) steps.splice(to, 0, step);
  return numbered(steps);
};
const and = (step: Step): EvidenceEvent[] => numbered([...STEPS, step]);

describe('judgeLockstep', () => {
  it('gives fileSystem to a set that was frozen from before its first request to after its last', () => {
    const verdict = judgeLockstep(good);
    expect(verdict).toMatchObject({
      provider: 'lockstep',
      achieved: 'fileSystem',
      freezeHeldMs: 900,
      slowestSnapshotMs: 800,
    });
    expect(verdict.reasons).toHaveLength(1);
  });

  it('gives application only when hooks ran, and each one succeeded', () => {
    const hook = { name: 'pg', ok: true, exitCode: 0, ms: 5 };
    const failed = { ...hook, ok: false, exitCode: 1 };
    const withHooks = (preHooks: (typeof hook)[], postHooks?: (typeof hook)[]) => {
      const { v, session, seq } = thawed;
      const done = { v, session, seq: seq + 1, type: 'done', postHooks: postHooks ?? [] } as const;
      return judgeLockstep({
        ...good,
        hello: { ...hello, preHooks },
        ...(postHooks === undefined ? {} : { done }),
      }).achieved;
    };
    expect(withHooks([hook], [])).toBe('application');
    expect(withHooks([hook], [hook])).toBe('application');
    expect(withHooks([hook, failed], [hook])).toBe('fileSystem');
    expect(withHooks([hook], [failed])).toBe('fileSystem');
    expect(withHooks([hook])).toBe('fileSystem');
    expect(withHooks([], [hook])).toBe('fileSystem');
  });

  it('gives no high label to a guest that froze nothing', () => {
    const mounts = hello.mounts.map((mount) => ({ ...mount, freezable: false }));
    const verdict = judgeLockstep({
      ...good,
      hello: { ...hello, mounts },
      frozen: { ...frozen, mounts: [] },
      thawed: { ...thawed, mounts: [] },
    });
    expect(verdict.achieved).toBe('uncoordinated');
  });

  it('keeps few words of a guest that says a lot', () => {
    const uncovered = Array.from({ length: 800 }, (_, index) => ({
      what: `volume ${index} ${'x'.repeat(500)}`,
      reason: 'raw',
    }));
    const mounts = Array.from({ length: 800 }, (_, index) => ({
      ...{ mountPoint: `/m${index}`, fsType: 'ext4', device: 'd', luns: [9], freezable: true },
    }));
    const verdict = judgeLockstep({
      ...good,
      hello: { ...hello, mounts, disks: [{ lun: -1, covered: false, uncovered }] },
    });
    expect(verdict.achieved).toBe('uncoordinated');
    expect(JSON.stringify(verdict.reasons).length).toBeLessThan(12_000);
    expect(verdict.reasons.join(' ')).toContain('more');
  });

  it.each<[string, Partial<LockstepEvidence>]>([
    ['frozen was never read', { events: without('frozenRead') }],
    ['a request went out before frozen was read', { events: moved(2, 3) }],
    ['release was never written', { events: without('releaseWritten') }],
    ['release was written before the last snapshot', { events: moved(7, 6) }],
    ['a disk has no snapshot', { events: numbered(STEPS.filter((_, index) => index !== 6)) }],
    ['a disk has two', { events: and({ what: 'snapshotSucceeded', detail: { diskKey: 'os' } }) }],
    ['a disk was asked for twice', { events: numbered([...STEPS.slice(0, 4), ...STEPS.slice(3)]) }],
    ['thawed came before release', { events: moved(8, 7) }],
    ['thawed was never read', { events: without('thawedRead') }],
    ['go was never written', { events: without('goWritten') }],
    ['the set was given up', { events: and({ what: 'abortWritten' }) }],
    ['a snapshot was refused', { events: and({ what: 'snapshotRefused' }) }],
    ['the guest failed', { events: and({ what: 'failedRead' }) }],
    ['the order is impossible', { events: numbered(STEPS).map((e) => ({ ...e, order: 1 })) }],
    ['the guest thawed at its deadline', { thawed: { ...thawed, cause: 'deadline' } }],
    ['the guest thawed by a failure', { thawed: { ...thawed, cause: 'failure' } }],
    [
      'a thaw found nothing frozen',
      {
        thawed: {
          ...thawed,
          mounts: [
            { mountPoint: '/', ok: true },
            { mountPoint: '/data', ok: false, errno: 'EINVAL' },
          ],
        },
      },
    ],
    ['a thaw is missing', { thawed: { ...thawed, mounts: [{ mountPoint: '/', ok: true }] } }],
    ['a mount was not frozen', { frozen: { ...frozen, mounts: [{ mountPoint: '/', ok: true }] } }],
    ['an unfrozen mount was written', { thawed: { ...thawed, unfrozenSectorsWritten: 8 } }],
    [
      'a disk is not covered',
      {
        hello: {
          ...hello,
          disks: [
            { lun: -1, covered: true, uncovered: [] },
            { lun: 0, covered: false, uncovered: [{ what: '/dev/sdc', reason: 'raw' }] },
          ],
        },
      },
    ],
    [
      'a disk is called covered and names uncovered data',
      {
        hello: {
          ...hello,
          disks: [
            { lun: -1, covered: true, uncovered: [] },
            { lun: 0, covered: true, uncovered: [{ what: 'swap', reason: 'swap' }] },
          ],
        },
      },
    ],
    ['a disk was not found', { hello: { ...hello, disks: hello.disks.slice(0, 1) } }],
    [
      'a mount lies on a foreign disk, too',
      {
        hello: {
          ...hello,
          mounts: [
            ...hello.mounts.slice(0, 1),
            {
              ...hello.mounts[1],
              mountPoint: '/data',
              fsType: 'btrfs',
              device: '/dev/sdc1',
              luns: [0, 7],
              freezable: true,
            },
          ],
        },
      },
    ],
  ])('lowers the label when %s', (_, change) => {
    const verdict = judgeLockstep({ ...good, ...change });
    expect(verdict.achieved).toBe('uncoordinated');
    expect(verdict.reasons.length).toBeGreaterThan(0);
    expect(verdict.reasons.join(' ')).not.toContain('Every file system');
  });

  it('lowers the label when the guest’s words are missing', () => {
    const { frozen: _frozen, thawed: _thawed, ...silent } = good;
    expect(judgeLockstep({ ...silent, events: without('frozenRead') }).achieved).toBe(
      'uncoordinated',
    );
    expect(judgeLockstep({ ...silent, thawed }).achieved).toBe('uncoordinated');
    expect(judgeLockstep({ ...silent, frozen }).achieved).toBe('uncoordinated');
  });

  it('calls one unfrozen disk crash-consistent', () => {
    const verdict = judgeLockstep({
      ...good,
      disks: [DISKS[0]],
      hello: { ...hello, mounts: hello.mounts.slice(0, 1) },
      events: numbered(STEPS.filter((s) => s.detail?.['diskKey'] !== 'data')),
      thawed: { ...thawed, cause: 'deadline' },
    });
    expect(verdict.achieved).toBe('crash');
  });

  it('gives a high label to no order of events but the right one', () => {
    const precedes = (events: readonly EvidenceEvent[], a: string, b: string): boolean => {
      const last = (what: string) => events.findLastIndex((event) => event.what === what);
      const first = (what: string) => events.findIndex((event) => event.what === what);
      return last(a) < first(b);
    };
    fc.assert(
      fc.property(fc.shuffledSubarray([...STEPS], { minLength: 0 }), (steps) => {
        const events = numbered(steps);
        const { achieved } = judgeLockstep({ ...good, events });
        const right =
          ['goWritten', 'frozenRead', 'releaseWritten', 'thawedRead'].every((what) =>
            events.some((event) => event.what === what),
          ) &&
          events.filter((event) => event.what === 'snapshotRequested').length === 2 &&
          events.filter((event) => event.what === 'snapshotSucceeded').length === 2 &&
          precedes(events, 'goWritten', 'frozenRead') &&
          precedes(events, 'frozenRead', 'snapshotRequested') &&
          precedes(events, 'snapshotSucceeded', 'releaseWritten') &&
          precedes(events, 'releaseWritten', 'thawedRead') &&
          ['os', 'data'].every((diskKey) => {
            const of = (what: string) =>
              events.findIndex((e) => e.what === what && e.detail?.['diskKey'] === diskKey);
            return of('snapshotRequested') < of('snapshotSucceeded');
          });
        expect(achieved).toBe(right ? 'fileSystem' : 'uncoordinated');
      }),
      { numRuns: 3_000 },
    );
  });

  it('looks at no clock', () => {
    fc.assert(
      fc.property(
        fc.array(fc.date({ noInvalidDate: true }), { minLength: 10, maxLength: 10 }),
        (dates) => {
          const events = good.events.map((event, index) => ({
            ...event,
            atUtc: (dates[index] ?? new Date(0)).toISOString(),
          }));
          expect(judgeLockstep({ ...good, events }).achieved).toBe('fileSystem');
        },
      ),
    );
  });
});
