import { describe, expect, it } from 'vitest';
import { copyDisk } from '../../../functions/orchestrations/copy-disk.ts';
import { replicateVm } from '../../../functions/orchestrations/replicate-vm.ts';
import { forAnyFailure } from '../../support/failing-activity.ts';
import { type Handler, replay } from '../../support/replay.ts';

const vmKey = '0123456789abcdef01234567';
const input = {
  runId: `replicate-${vmKey}-20261123T180000Z-abc123`,
  vmKey,
  target: 'paired',
};
const point = (hex: string) => `p-20261123T180000Z-0000000${hex}`;
const orchestrations: Record<string, Handler> = { copyDisk };
const refusal = { ok: false, errorCode: 'TargetFull', message: 'no room left' };

/** Copies of `slices` slices a disk, for `points` points of two disks; notes every call. */
function world({ points = 1, slices = 2 } = {}) {
  const calls: { readonly name: string; readonly input: Record<string, unknown> }[] = [];
  let taken = 0;
  const make: Record<string, (given: Record<string, unknown>) => unknown> = {
    takeNextCopy: () => {
      taken += 1;
      return taken > points
        ? { nothing: true }
        : { pointId: point(String(taken)), disks: [{ diskKey: 'd1' }, { diskKey: 'd2' }] };
    },
    openDiskCopy: ({ diskKey }) => ({
      attempt: `aaaa${String(diskKey)}`,
      chainId: `chain-${String(diskKey)}`,
      kind: 'base',
      mover: 'server',
      sizeBytes: slices * 100,
    }),
    copySlice: ({ fromOffset }) => {
      const nextOffset = Number(fromOffset) + 100;
      return {
        nextOffset: nextOffset >= slices * 100 ? null : nextOffset,
        copiedBytes: 10,
        mover: 'streamed',
      };
    },
    sealDisk: () => ({ blobSnapshot: '2026-11-23T18:00:00.0000000Z' }),
    sealReplica: () => ({ manifestPath: 'manifest' }),
    abandonCopy: () => ({}),
    releaseGrants: () => ({}),
    endRun: () => ({}),
  };
  const activities = Object.fromEntries(
    Object.entries(make).map(([name, answer]) => [
      name,
      (given: Record<string, unknown>) => {
        calls.push({ name, input: given });
        return { ok: true, value: answer(given) };
      },
    ]),
  );
  const inputsOf = (name: string) =>
    calls.filter((call) => call.name === name).map((call) => call.input);
  return { activities, calls, inputsOf };
}

describe('replicateVm', () => {
  it('copies point after point, each in a history of its own, until none is left', async () => {
    const { activities, inputsOf } = world({ points: 3 });

    const end = await replay(replicateVm, input, { activities, orchestrations });

    expect(end.output).toEqual({ ok: true, value: { points: 3 } });
    expect(end.rounds).toBe(4);
    expect(inputsOf('sealReplica').map((given) => given['pointId'])).toEqual(
      ['1', '2', '3'].map(point),
    );
    expect(inputsOf('releaseGrants')).toHaveLength(3);
    expect(inputsOf('endRun')).toEqual([
      { runId: input.runId, state: 'succeeded', result: { points: 3 } },
    ]);
  });

  it('ends at once when there is nothing to copy', async () => {
    const { activities } = world({ points: 0 });

    const end = await replay(replicateVm, input, { activities, orchestrations });

    expect(end.scheduled).toEqual(['takeNextCopy', 'endRun']);
  });

  it('seals nothing when one disk cannot be copied, and gives the copy back', async () => {
    const { activities, inputsOf } = world();
    const sealDisk = ({ diskKey }: { diskKey: string }) =>
      diskKey === 'd2' ? refusal : { ok: true, value: { blobSnapshot: 's' } };

    const end = await replay(replicateVm, input, {
      activities: { ...activities, sealDisk },
      orchestrations,
    });

    expect(end.output).toMatchObject(refusal);
    expect(inputsOf('sealReplica')).toEqual([]);
    expect(inputsOf('abandonCopy')).toMatchObject([
      { pointId: point('1'), reason: 'TargetFull: no room left' },
    ]);
    expect(inputsOf('releaseGrants')).toHaveLength(1);
    expect(inputsOf('endRun')).toMatchObject([{ state: 'failed', failure: refusalFields }]);
  });

  it('waits for the other disks when the instance of one dies', async () => {
    const { activities, inputsOf } = world();
    const dying: Handler = function* (ctx) {
      const { diskKey } = ctx.df.getInput<{ diskKey: string }>();
      if (diskKey === 'd1') throw new Error('Non-Deterministic workflow detected');
      return yield* copyDisk(ctx);
    };

    const end = await replay(replicateVm, input, {
      activities,
      orchestrations: { copyDisk: dying },
    });

    expect(end.output).toMatchObject({ ok: false, errorCode: 'ActivityFailed' });
    expect(inputsOf('abandonCopy')).toHaveLength(1);
  });

  it('never ends without giving the copy back or sealing it, whatever fails', async () => {
    const names = ['takeNextCopy', 'openDiskCopy', 'copySlice', 'sealDisk', 'sealReplica'];
    await forAnyFailure(names, async ({ name, failing, pick }) => {
      const { activities, inputsOf } = world();
      const end = await replay(replicateVm, input, {
        activities: { ...activities, [name]: failing },
        orchestrations,
        pick,
      });

      expect(end.output).toMatchObject({ ok: false });
      expect(inputsOf('abandonCopy')).toHaveLength(name === 'takeNextCopy' ? 0 : 1);
      expect(inputsOf('endRun')).toMatchObject([{ state: 'failed' }]);
    });
  });
});

const refusalFields = { errorCode: 'TargetFull', message: 'no room left' };

describe('copyDisk', () => {
  const disk = { ...input, pointId: point('1'), diskKey: 'd1' };

  it('adds up what was copied, and tells how far it is', async () => {
    const { activities } = world({ slices: 3 });

    const end = await replay(copyDisk, disk, { activities });

    expect(end.output).toMatchObject({ ok: true, value: { diskKey: 'd1', copiedBytes: 30 } });
    expect(end.statuses.at(0)).toMatchObject({ offset: 0, sizeBytes: 300, mover: 'server' });
    expect(end.statuses.at(-1)).toMatchObject({ offset: 300, mover: 'streamed' });
  });

  it('keeps its history short: it goes on in a new round after a hundred slices', async () => {
    const { activities, inputsOf } = world({ slices: 250 });

    const end = await replay(copyDisk, disk, { activities });

    expect(end.output).toMatchObject({ value: { copiedBytes: 2500 } });
    expect(end.rounds).toBe(3);
    expect(end.longestRound).toBeLessThanOrEqual(101);
    expect(inputsOf('openDiskCopy')).toHaveLength(1);
    expect(inputsOf('sealDisk')).toHaveLength(1);
  });

  it.each(['openDiskCopy', 'copySlice', 'sealDisk'])(
    'ends with the refusal of %s',
    async (name) => {
      const { activities } = world();

      const end = await replay(copyDisk, disk, {
        activities: { ...activities, [name]: () => refusal },
      });

      expect(end.output).toEqual(refusal);
    },
  );
});
