import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuestBehaviour } from '../local-azure/guest/behaviour.ts';
import { until } from '../world/lockstep-api.ts';
import { brokenPromises, readPoints } from './promises.ts';
import { BASELINE, protect, type SmallWorld, startSmallWorld } from './small-world.ts';

let small: SmallWorld;
beforeAll(async () => {
  small = await startSmallWorld({ config: { snapshotLatencyMs: { min: 300, max: 700 } } });
});
afterAll(async () => {
  await small?.world.stop();
});

const ACCEPT_ANY = {
  consistency: { provider: 'lockstep', label: 'fileSystem', accept: 'uncoordinated' },
} as const;

async function protectWith(
  behaviour: GuestBehaviour,
  body: Readonly<Record<string, unknown>> = {},
) {
  await small.world.guests.setBehaviour(small.vm.vmId, behaviour);
  const run = await protect(small.app, small.vm.vmId, body);
  await small.world.guests.setBehaviour(small.vm.vmId, {});
  const points = await readPoints(small.app);
  return { run, point: points.find(({ pointId }) => pointId === run.pointId) };
}

/** Leftovers are checked once, at the end: a guest that may still hold something is waited for. */
async function noPromiseIsBroken(cleanWithinMs: number | 'later' = 'later'): Promise<void> {
  expect(
    await brokenPromises(small.world, small.app, {
      vms: [small.vm],
      baseline: BASELINE,
      cleanWithinMs,
    }),
  ).toEqual([]);
}

describe('a guest that gives no usable answer', () => {
  it.each<[string, GuestBehaviour, string]>([
    ['never answers', { silent: true }, 'GuestSilent'],
    ['answers garbage', { garbage: { kind: 'notJson', at: 'hello' } }, 'GuestAnswerInvalid'],
    [
      'answers for another session',
      { garbage: { kind: 'wrongSession', at: 'frozen' } },
      'GuestAnswerInvalid',
    ],
    ['skips a message', { garbage: { kind: 'outOfOrderSeq', at: 'frozen' } }, 'GuestAnswerInvalid'],
    [
      'sends a line without end',
      { garbage: { kind: 'oversizedLine', at: 'frozen' } },
      'GuestAnswerInvalid',
    ],
    ['cannot freeze a file system', { freezeFails: { errno: 'EBUSY' } }, 'GuestFreezeFailed'],
  ])('fails the run when the guest %s', async (_what, behaviour, errorCode) => {
    const { run } = await protectWith(behaviour);

    expect(run).toMatchObject({ state: 'failed', failure: { errorCode } });
    await noPromiseIsBroken();
  });
});

describe('a guest that does not hold', () => {
  it('fails the run when the guest thaws at its deadline before the snapshots are done', async () => {
    const { run } = await protectWith({ thawsAfterMs: 100 });

    expect(run.state).toBe('failed');
    expect(run.failure?.errorCode).toBe('LabelMissed');
    await noPromiseIsBroken();
  });

  it('records the lower label, with the reason, when the caller accepts one', async () => {
    const { run, point } = await protectWith({ thawsAfterMs: 100 }, ACCEPT_ANY);

    expect(run.state).toBe('succeeded');
    expect(point?.label).toBe('uncoordinated');
    expect(point?.verdict?.reasons.join(' ')).toContain('deadline');
    await noPromiseIsBroken();
  });

  it('lowers the label when somebody else thawed one file system', async () => {
    const { point } = await protectWith({ thawFails: { afterMs: 20 } }, ACCEPT_ANY);

    expect(point?.label).toBe('uncoordinated');
    await noPromiseIsBroken();
  });

  it('lowers the label when the freeze does not cover a disk', async () => {
    const { point } = await protectWith({ uncoveredLuns: [1] }, ACCEPT_ANY);

    expect(point?.label).toBe('uncoordinated');
    expect(point?.verdict?.reasons.join(' ')).toContain('LUN 1');
  });

  it('lets a guest go whose helper is killed while it is frozen', async () => {
    const { run } = await protectWith({ diesAfter: 'frozen', watchdogReaction: 'atOnce' });

    expect(run.state).toBe('failed');
    await noPromiseIsBroken();
  });
});

describe('the checker', () => {
  it('reports a guest that is planted frozen', async () => {
    await small.world.guests.setBehaviour(small.vm.vmId, { diesAfter: 'frozen' });
    const started = await small.app.call('POST', '/api/points', {
      vmId: small.vm.vmId,
      targets: [],
      consistency: { provider: 'lockstep', label: 'fileSystem', freezeDeadlineMs: 8_000 },
    });
    const broken = await until(
      'the checker sees the frozen guest',
      async () => {
        const found = await brokenPromises(small.world, small.app, {
          vms: [small.vm],
          baseline: BASELINE,
          thawWithinMs: 1,
          cleanWithinMs: 1,
        });
        return found.some((text) => text.startsWith('1:')) ? found : undefined;
      },
      20_000,
    );
    await small.world.guests.setBehaviour(small.vm.vmId, {});
    await small.app.finishRun(started.headers.get('location') ?? '');

    expect(broken.join('\n')).toContain('stays frozen');
    await noPromiseIsBroken();
  });

  it('finds nothing left behind, once no guest can hold anything any more', async () => {
    await noPromiseIsBroken(150_000);
  });

  it('reports a planted snapshot that nobody owns', async () => {
    await small.world.azure.control.plantSnapshot({
      diskId: small.vm.disks[0]?.diskId ?? '',
      name: 'planted',
    });

    const broken = await brokenPromises(small.world, small.app, {
      vms: [small.vm],
      baseline: BASELINE,
      cleanWithinMs: 1_000,
    });

    expect(broken.join('\n')).toContain('planted');
  });
});
