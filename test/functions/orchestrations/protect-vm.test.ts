import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protectVm } from '../../../functions/orchestrations/protect-vm.ts';
import { replay } from '../../support/replay.ts';

const runId = 'protect-0123456789abcdef01234567-20261123T180000Z-abc123';
const input = (provider: 'lockstep' | 'crash') => ({
  runId,
  vmId: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/db-1',
  requested: { provider, label: 'fileSystem', freezeDeadlineMs: 10_000 },
  targets: ['paired'],
});
const prepared = {
  ok: true,
  value: {
    vmKey: '0123456789abcdef01234567',
    pointId: 'p-20261123T180000Z-1a2b3c4d',
    disks: [
      { diskKey: 'd1', lun: -1, diskId: 'os' },
      { diskKey: 'd2', lun: 0, diskId: 'data' },
    ],
  },
};
const snapshot = (diskKey: string) => ({ diskKey, snapshot: { snapshotId: `snap-${diskKey}` } });

/** Activities that all succeed, and note what they were given. */
function world() {
  const calls: { readonly name: string; readonly input: Record<string, unknown> }[] = [];
  const answer = (name: string, make: (input: Record<string, unknown>) => unknown) =>
    [
      name,
      (given: Record<string, unknown>) => {
        calls.push({ name, input: given });
        return { ok: true, value: make(given) };
      },
    ] as const;
  const activities: Record<string, (given: never) => unknown> = Object.fromEntries([
    answer('preparePoint', () => prepared.value),
    answer('snapshotInLockstep', () => ({
      attempt: 'aaaaaa',
      snapshots: [snapshot('d1'), snapshot('d2')],
      verdict: { achieved: 'fileSystem' },
    })),
    answer('beginUncoordinatedSet', () => ({ attempt: 'bbbbbb' })),
    answer('snapshotDisk', ({ diskKey }) => ({
      ...snapshot(String(diskKey)),
      requestedAtUtc: 'r',
      succeededAtUtc: 's',
    })),
    answer('judgeUncoordinatedSet', () => ({ verdict: { achieved: 'uncoordinated' } })),
    answer('recordPoint', () => ({ label: 'fileSystem' })),
    answer('failPoint', () => ({})),
    answer('endRun', () => ({})),
  ]);
  const inputOf = (name: string) => calls.find((call) => call.name === name)?.input;
  return { calls, activities, inputOf };
}

const refusal = { ok: false, errorCode: 'VmNotRunning', message: 'db-1 is deallocated' };

describe('protectVm', () => {
  it('takes a lockstep set inside one activity and records it', async () => {
    const { activities, inputOf } = world();

    const end = await replay(protectVm, input('lockstep'), { activities });

    expect(end.output).toEqual({
      ok: true,
      value: { pointId: prepared.value.pointId, label: 'fileSystem' },
    });
    expect(end.scheduled).toEqual(['preparePoint', 'snapshotInLockstep', 'recordPoint', 'endRun']);
    expect(inputOf('recordPoint')).toMatchObject({ attempt: 'aaaaaa', targets: ['paired'] });
    expect(inputOf('endRun')).toMatchObject({ state: 'succeeded', runId });
  });

  it('snapshots every disk at once when nothing is frozen', async () => {
    const { activities, inputOf } = world();

    const end = await replay(protectVm, input('crash'), { activities });

    expect(end.scheduled).toEqual([
      'preparePoint',
      'beginUncoordinatedSet',
      'snapshotDisk',
      'snapshotDisk',
      'judgeUncoordinatedSet',
      'recordPoint',
      'endRun',
    ]);
    expect(inputOf('judgeUncoordinatedSet')).toMatchObject({
      attempt: 'bbbbbb',
      snapshots: [{ diskKey: 'd1', requestedAtUtc: 'r' }, { diskKey: 'd2' }],
    });
    expect(inputOf('recordPoint')?.['snapshots']).toEqual([snapshot('d1'), snapshot('d2')]);
  });

  it.each([
    ['lockstep', 'preparePoint', false],
    ['lockstep', 'snapshotInLockstep', true],
    ['lockstep', 'recordPoint', true],
    ['crash', 'beginUncoordinatedSet', true],
    ['crash', 'snapshotDisk', true],
    ['crash', 'judgeUncoordinatedSet', true],
  ] as const)('%s: cleans up when %s refuses', async (provider, name, knowsPoint) => {
    const { activities, inputOf } = world();

    const end = await replay(protectVm, input(provider), {
      activities: { ...activities, [name]: () => refusal },
    });

    expect(end.output).toEqual(refusal);
    expect(inputOf('failPoint')).toEqual({
      runId,
      errorCode: 'VmNotRunning',
      message: 'db-1 is deallocated',
      ...(knowsPoint ? { vmKey: prepared.value.vmKey, pointId: prepared.value.pointId } : {}),
    });
    expect(inputOf('endRun')).toMatchObject({
      state: 'failed',
      failure: { errorCode: 'VmNotRunning' },
    });
  });

  it('refuses a provider that it does not have', async () => {
    const { activities, inputOf } = world();
    const wanted = { ...input('lockstep'), requested: { provider: 'offline' } };

    const end = await replay(protectVm, wanted, { activities });

    expect(end.output).toMatchObject({ ok: false, errorCode: 'ProviderNotSupported' });
    expect(inputOf('failPoint')).toBeDefined();
  });

  it('tries again what may pass, and waits as long as the service asked', async () => {
    const { activities } = world();
    let tries = 0;
    const snapshotInLockstep = (given: never) => {
      tries += 1;
      return tries === 1
        ? { ok: false, askAgain: true, errorCode: 'Throttled', message: '', retryAfterMs: 90_000 }
        : activities['snapshotInLockstep']?.(given);
    };

    const end = await replay(protectVm, input('lockstep'), {
      activities: { ...activities, snapshotInLockstep },
    });

    expect(end.output).toMatchObject({ ok: true });
    expect(end.scheduled).toContain('timer');
    expect(end.waitedMs).toBeGreaterThanOrEqual(89_000);
  });

  it('gives up when the service goes on to ask for long waits', async () => {
    const { activities, inputOf } = world();
    const busy = { ok: false, askAgain: true, errorCode: 'Throttled', message: 'busy' };

    const end = await replay(protectVm, input('lockstep'), {
      activities: {
        ...activities,
        snapshotInLockstep: () => ({ ...busy, retryAfterMs: 1_200_000 }),
      },
    });

    expect(end.output).toMatchObject({ ok: false, errorCode: 'Throttled' });
    expect(end.waitedMs).toBeLessThanOrEqual(3_600_000);
    expect(inputOf('failPoint')).toBeDefined();
  });

  it('gives up with the last failure after a few tries, and cleans up', async () => {
    const { activities, inputOf } = world();
    const down = { ok: false, askAgain: true, errorCode: 'NetworkError', message: 'no route' };

    const end = await replay(protectVm, input('lockstep'), {
      activities: { ...activities, preparePoint: () => down },
    });

    expect(end.output).toEqual({ ok: false, errorCode: 'NetworkError', message: 'no route' });
    expect(end.scheduled.filter((name) => name === 'preparePoint')).toHaveLength(4);
    expect(inputOf('failPoint')).toMatchObject({ errorCode: 'NetworkError' });
  });

  it('leaves its run open, and dies, when it cannot be cleaned up: reconcile closes it', async () => {
    const { activities, inputOf } = world();

    const end = replay(protectVm, input('lockstep'), {
      activities: {
        ...activities,
        recordPoint: () => refusal,
        failPoint: () => ({ ok: false, errorCode: 'MalformedData', message: 'row is broken' }),
      },
    });

    await expect(end).rejects.toThrow(/db-1 is deallocated.*row is broken/);
    expect(inputOf('endRun')).toBeUndefined();
  });

  it('ends in failPoint wherever an activity fails, however it fails, in any order', async () => {
    const names = [
      'preparePoint',
      'snapshotInLockstep',
      'beginUncoordinatedSet',
      'snapshotDisk',
      'judgeUncoordinatedSet',
      'recordPoint',
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('lockstep' as const, 'crash' as const),
        fc.constantFrom(...names),
        fc.constantFrom('dies', 'refuses', 'asksAgain'),
        fc.infiniteStream(fc.nat()),
        async (provider, name, how, numbers) => {
          const { activities, inputOf, calls } = world();
          const failing = () => {
            calls.push({ name, input: {} });
            if (how === 'dies') throw new Error('exited with code 137');
            return how === 'refuses' ? refusal : { ...refusal, askAgain: true };
          };
          const end = await replay(protectVm, input(provider), {
            activities: { ...activities, [name]: failing },
            pick: (count) => (numbers.next().value ?? 0) % count,
          });

          const reached = calls.some((call) => call.name === name);
          expect((end.output as { ok: boolean }).ok).toBe(!reached);
          expect(inputOf('failPoint') !== undefined).toBe(reached);
          expect(inputOf('endRun')).toMatchObject({ state: reached ? 'failed' : 'succeeded' });
        },
      ),
      { numRuns: 60 },
    );
  });
});
