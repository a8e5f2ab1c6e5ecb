import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TAGS } from '../../../lib/catalog/storage-layout.ts';
import { snapshotInLockstep } from '../../../lib/consistency/snapshot-in-lockstep.ts';
import { ThrottledError } from '../../../lib/errors.ts';
import { expectNobodyFrozen, expectNothingForgotten } from '../../fakes/lockstep-expectations.ts';
import { createLockstepWorld, RUN_ID } from '../../fakes/lockstep-world.ts';
import { createPortFaults } from '../../fakes/port-faults.ts';

describe('snapshotInLockstep', () => {
  it('takes all disks inside one freeze, and says so with evidence', async () => {
    const world = await createLockstepWorld();
    const outcome = await snapshotInLockstep(world.ports, world.input);
    expect(outcome).toMatchObject({
      ok: true,
      value: { verdict: { provider: 'lockstep', achieved: 'fileSystem' } },
    });
    if (!outcome.ok) return;
    const { attempt, snapshots, verdict } = outcome.value;
    expect(snapshots).toHaveLength(4);
    expect(attempt).toMatch(/^[0-9a-f]{6}$/);
    expect(verdict.evidence.map((event) => event.what)).toEqual([
      'helloRead',
      'goWritten',
      'frozenRead',
      ...Array.from({ length: 4 }, () => 'snapshotRequested'),
      ...Array.from({ length: 4 }, () => 'snapshotSucceeded'),
      'releaseWritten',
      'thawedRead',
      'doneRead',
    ]);
    const [freeze] = world.guest.freezes;
    expect(freeze?.cause).toBe('released');
    for (const { instantMs, resource } of world.snapshots.taken.values()) {
      expect(instantMs).toBeGreaterThan(freeze?.frozenAtMs ?? Number.NaN);
      expect(instantMs).toBeLessThan(freeze?.thawedAtMs ?? Number.NaN);
      expect(resource.tags[TAGS.attempt]).toBe(attempt);
    }
    const ids = snapshots.map((taken) => taken.snapshot.snapshotId);
    await expectNothingForgotten(world, 'doomed', ids);
    const rows = await world.catalog.listMade(RUN_ID);
    expect(rows.filter((row) => ids.includes(row.resourceId)).map((row) => row.state)).toEqual(
      ids.map(() => 'made'),
    );
  });

  it('never says fileSystem unless every instant lies inside one freeze', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 100, max: 14_000 }), { minLength: 1, maxLength: 6 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1_000, max: 12_000 }),
        async (latencies, share, ownDeadlineMs) => {
          const world = await createLockstepWorld({
            dataDisks: latencies.length - 1,
            requested: { freezeDeadlineMs: 10_000 },
            guest: { ownDeadlineMs },
            snapshots: {
              latencyMs: (_, count) => latencies[(count - 1) % latencies.length] ?? 100,
              instantShare: () => share,
            },
          });
          const outcome = await snapshotInLockstep(world.ports, world.input);
          await expectNobodyFrozen(world, ownDeadlineMs);
          if (!outcome.ok) throw new Error(outcome.message);
          const { achieved } = outcome.value.verdict;
          const [freeze] = world.guest.freezes;
          const inside = [...world.snapshots.taken.values()].every(
            ({ instantMs }) =>
              freeze !== undefined &&
              instantMs >= freeze.frozenAtMs &&
              instantMs <= (freeze.thawedAtMs ?? 0),
          );
          if (achieved === 'fileSystem') expect(inside).toBe(true);
          if (Math.max(...latencies) + 2_000 < ownDeadlineMs) expect(achieved).toBe('fileSystem');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('holds the guest hardly longer than the slowest snapshot takes', async () => {
    for (const disks of [1, 4, 16, 32]) {
      for (const latency of [200, 1_000, 5_000]) {
        const world = await createLockstepWorld({
          dataDisks: disks - 1,
          requested: { freezeDeadlineMs: 30_000 },
          snapshots: { latencyMs: (_, count) => (latency * (1 + (count % 3))) / 3 },
        });
        const outcome = await snapshotInLockstep(world.ports, world.input);
        if (!outcome.ok) throw new Error(outcome.message);
        const { slowestSnapshotMs = 0 } = outcome.value.verdict;
        const [freeze] = world.guest.freezes;
        const heldMs = (freeze?.thawedAtMs ?? Number.NaN) - (freeze?.frozenAtMs ?? 0);
        // Two looks of 100 ms at the channel (ours for `frozen`, the guest's for `release`) come on top.
        expect(heldMs).toBeLessThanOrEqual(slowestSnapshotMs * 1.12 + 220);
        const polls = world.faults.calls.filter((name) => name === 'snapshots.poll').length;
        expect(polls).toBeLessThanOrEqual(200 + 20 * (heldMs / 1000) + disks);
      }
    }
  });

  it('waits for Retry-After, and holds at most one interval longer', async () => {
    const world = await createLockstepWorld({
      snapshots: { retryAfterMs: 2_000, latencyMs: () => 3_000 },
    });
    const outcome = await snapshotInLockstep(world.ports, world.input);
    expect(outcome).toMatchObject({ ok: true, value: { verdict: { achieved: 'fileSystem' } } });
    const [freeze] = world.guest.freezes;
    expect((freeze?.thawedAtMs ?? 0) - (freeze?.frozenAtMs ?? 0)).toBeLessThan(3_000 + 2_300);
    const polls = world.faults.calls.filter((name) => name === 'snapshots.poll').length;
    expect(polls).toBe(8);
  });

  it('lets the guest go at once when the third of four snapshots is refused', async () => {
    const world = await createLockstepWorld({
      snapshots: {
        refuse: (_, count) => (count === 3 ? 'SnapshotLimitReached' : undefined),
        latencyMs: () => 5_000,
      },
    });
    const outcome = await snapshotInLockstep(world.ports, world.input);
    expect(outcome).toMatchObject({ ok: false, errorCode: 'SnapshotRefused' });
    await expectNobodyFrozen(world);
    const [freeze] = world.guest.freezes;
    expect((freeze?.thawedAtMs ?? 0) - (freeze?.frozenAtMs ?? 0)).toBeLessThan(500);
    await expectNothingForgotten(world, 'doomed');
    expect(world.snapshots.taken.size).toBe(3);
  });

  it('lets the guest go at once on 429, and hands the wait on', async () => {
    const world = await createLockstepWorld({
      snapshots: { refuse: (_, count) => (count === 2 ? 'throttle' : undefined) },
    });
    const error = await snapshotInLockstep(world.ports, world.input).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ThrottledError);
    expect((error as ThrottledError).retryAfterMs).toBe(20_000);
    await expectNobodyFrozen(world);
    expect(world.guest.freezes[0]?.cause).toBe('released');
    await expectNothingForgotten(world, 'doomed');
  });

  it('lets the guest go when an accepted snapshot fails later', async () => {
    const world = await createLockstepWorld({
      snapshots: { failLater: (_, count) => (count === 4 ? 'InternalError' : undefined) },
    });
    const outcome = await snapshotInLockstep(world.ports, world.input);
    expect(outcome).toMatchObject({ ok: false, errorCode: 'SnapshotRefused' });
    await expectNobodyFrozen(world);
    expect(world.guest.freezes[0]?.cause).toBe('released');
    await expectNothingForgotten(world, 'doomed');
  });

  it('finishes a set whose guest thawed at its deadline, as uncoordinated', async () => {
    const world = await createLockstepWorld({
      guest: { ownDeadlineMs: 1_000 },
      snapshots: { latencyMs: () => 4_000 },
    });
    const outcome = await snapshotInLockstep(world.ports, world.input);
    expect(outcome).toMatchObject({ ok: true, value: { verdict: { achieved: 'uncoordinated' } } });
    if (!outcome.ok) return;
    expect(outcome.value.verdict.reasons.join(' ')).toContain('deadline');
    expect(outcome.value.verdict.evidence.map((event) => event.what)).not.toContain(
      'releaseWritten',
    );
  });

  it.each([
    ['not JSON', (_: string, line: string) => `${line.slice(0, 20)}\n`],
    ['not text', () => '\uFFFD'.repeat(3).concat('\n')],
    ['of another session', (_: string, line: string) => line.replace(/s-[0-9a-f]{32}/, 's-other')],
    ['out of sequence', (_: string, line: string) => line.replace(/"seq":\d+/, '"seq":9')],
    ['of an unknown type', (_: string, line: string) => line.replace(/"type":"\w+"/, '"type":"x"')],
    ['longer than 64 KiB', () => `{"a":"${'x'.repeat(70_000)}"}\n`],
    ['endless', () => 'x'.repeat(200_000)],
    ['without a field', (_: string, line: string) => line.replace('"monotonicMs"', '"m"')],
    ['a null', () => 'null\n'],
  ])('gives the set up when a message is %s', async (_, garble) => {
    for (const garbled of ['hello', 'frozen', 'thawed'] as const) {
      const world = await createLockstepWorld({
        guest: { garble: (type, line) => (type === garbled ? garble(type, line) : line) },
      });
      const outcome = await snapshotInLockstep(world.ports, world.input);
      expect(outcome).toMatchObject({ ok: false, errorCode: 'GuestAnswerInvalid' });
      await expectNobodyFrozen(world);
      await expectNothingForgotten(world, 'doomed');
    }
  });

  it.each([
    ['is silent', { silent: true }, 'GuestSilent'],
    ['has no Python', { exitCode: 127 }, 'GuestHelperEnded'],
    ['cannot freeze', { freezeFails: 'EBUSY' }, 'GuestFreezeFailed'],
    ['may not be commanded', { refuse: 'AuthorizationFailed' }, 'GuestCommandRefused'],
  ])('refuses clearly when the guest %s', async (_, guest, errorCode) => {
    const world = await createLockstepWorld({ guest });
    const outcome = await snapshotInLockstep(world.ports, world.input);
    expect(outcome).toMatchObject({ ok: false, errorCode });
    expect(world.snapshots.taken.size).toBe(0);
    await expectNothingForgotten(world, 'doomed');
  });

  it('lowers the label for a mount that somebody else thawed, and for an uncovered disk', async () => {
    for (const guest of [{ thawFailsAt: '/data1' }, { uncoveredLun: 2 }]) {
      const world = await createLockstepWorld({ guest });
      const outcome = await snapshotInLockstep(world.ports, world.input);
      expect(outcome).toMatchObject({
        ok: true,
        value: { verdict: { achieved: 'uncoordinated' } },
      });
    }
  });

  it('does not wait for ever for a guest that never says done', async () => {
    const world = await createLockstepWorld({ guest: { neverDone: true } });
    const outcome = await snapshotInLockstep(world.ports, world.input);
    expect(outcome).toMatchObject({ ok: true, value: { verdict: { achieved: 'fileSystem' } } });
    expect(world.clock.elapsedMs()).toBeLessThan(60_000);
  });

  it('a host that dies between two snapshot requests of one frozen set never mixes attempts', async () => {
    // The third request reaches the platform and is never answered: the host is dead from there on.
    let requests = 0;
    const faults = createPortFaults({
      at: (name) => (name === 'snapshots.begin' ? ++requests > 2 : requests > 2 && dead),
      mode: 'hang',
    });
    let dead = true;
    const world = await createLockstepWorld({ faults });
    const first = snapshotInLockstep(world.ports, world.input);
    void first.catch(() => undefined);
    await world.clock.sleep(60_000);
    await world.guest.idle();
    expect(world.guest.freezes).toMatchObject([{ cause: 'deadline' }]);
    const leftovers = [...world.snapshots.taken.keys()];
    expect(leftovers.length).toBeGreaterThan(0);

    dead = false;
    requests = Number.NEGATIVE_INFINITY;
    const second = await snapshotInLockstep(world.ports, world.input);
    if (!second.ok) throw new Error(second.message);
    const { attempt, snapshots, verdict } = second.value;
    expect(verdict.achieved).toBe('fileSystem');
    expect(snapshots).toHaveLength(4);
    for (const { snapshot } of snapshots) {
      expect(snapshot.name.endsWith(`-${attempt}`)).toBe(true);
      expect(leftovers).not.toContain(snapshot.name);
      expect(world.snapshots.taken.get(snapshot.name)?.resource.tags[TAGS.attempt]).toBe(attempt);
    }
    const rows = await world.catalog.listMade(RUN_ID);
    const stateOf = (name: string) =>
      rows.find((row) => row.resourceId === world.snapshots.idOf(name))?.state;
    for (const name of leftovers) expect(stateOf(name)).toBe('doomed');
    for (const { snapshot } of snapshots) expect(stateOf(snapshot.name)).toBe('made');
    // The first session was told to end, in case its guest still listened.
    const sessions = [...world.channel.sessions.values()];
    expect(sessions[0]?.toGuest.toString()).toContain('"type":"abort"');
    const instants = [...world.snapshots.taken.values()].filter(
      (one) => one.resource.tags[TAGS.attempt] === attempt,
    );
    const freeze = world.guest.freezes[1];
    for (const { instantMs } of instants) {
      expect(instantMs).toBeGreaterThan(freeze?.frozenAtMs ?? Number.NaN);
      expect(instantMs).toBeLessThan(freeze?.thawedAtMs ?? Number.NaN);
    }
  });
});
