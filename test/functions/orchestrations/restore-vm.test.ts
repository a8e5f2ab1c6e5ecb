import { describe, expect, it } from 'vitest';
import { restoreVm } from '../../../functions/orchestrations/restore-vm.ts';
import { verifyDisk } from '../../../functions/orchestrations/verify-disk.ts';
import type { RestorePlan } from '../../../lib/restore/restore-plan.ts';
import { forAnyFailure } from '../../support/failing-activity.ts';
import { type Handler, replay } from '../../support/replay.ts';

const vmKey = '0123456789abcdef01234567';
const pointId = 'p-20261123T180000Z-1a2b3c4d';
const runId = `restore-${vmKey}-20261123T190000Z-abc123`;
const input = { runId, request: { pointId, mode: 'newVm', source: 'replica' } };
const origin = {
  vmKey,
  pointId,
  source: 'replica',
  target: 'paired',
  region: 'northeurope',
} as const;
const orchestrations: Record<string, Handler> = { verifyDisk };
const step = { what: 'w', reason: 'r' };

const plan: RestorePlan = {
  origin,
  vmName: 'db-1',
  achievedLabel: 'fileSystem',
  sourceReason: 'asked for',
  vmId: '/vm',
  resourceGroup: 'restored',
  steps: [
    ...['d1', 'd2'].map((diskKey) => ({
      ...step,
      id: `verify-${diskKey}`,
      kind: 'verifyDisk' as const,
      diskKey,
      target: 'paired',
      sizeBytes: 100,
    })),
    ...['d1', 'd2'].map((diskKey, index) => ({
      ...step,
      id: `disk-${diskKey}`,
      kind: 'restoreDisk' as const,
      diskKey,
      lun: index - 1,
      sizeBytes: 100,
      diskId: `/disk-${diskKey}`,
      zones: [],
      mustBeVerified: true,
      moreProperties: {},
    })),
    { ...step, id: 'nic-0', kind: 'createNic', nicIndex: 0, nicId: '/nic', addresses: [] },
    {
      ...step,
      id: 'vm',
      kind: 'createVm',
      vmId: '/vm',
      size: 's',
      zones: [],
      disks: [],
      nics: [],
      managedBootDiagnostics: false,
    },
    { ...step, id: 'finish', kind: 'finishRestore' },
  ],
  warnings: [],
};
const refusal = { ok: false, errorCode: 'NameTaken', message: 'db-1 exists' };

function world(planned: RestorePlan = plan) {
  const calls: { readonly name: string; readonly input: Record<string, unknown> }[] = [];
  const finished = { finished: true, resourceId: '/made' };
  const values: Record<string, unknown> = {
    prepareRestore: planned,
    verifyReplicaDisk: { nextOffset: null, readBytes: 100, proof: 'byDiff' },
    markDamaged: {},
    restoreDisk: finished,
    createNic: finished,
    createVm: finished,
    finishRestore: {},
    undoRestore: { left: [] },
    endRun: {},
  };
  const activities: Record<string, (given: never) => unknown> = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      (given: Record<string, unknown>) => {
        calls.push({ name, input: given });
        return { ok: true, value };
      },
    ]),
  );
  const inputsOf = (name: string) =>
    calls.filter((call) => call.name === name).map((call) => call.input);
  return { activities, calls, inputsOf };
}

describe('restoreVm', () => {
  it('verifies, then makes disks, NICs and the VM, each once', async () => {
    const { activities, calls, inputsOf } = world();

    const end = await replay(restoreVm, input, { activities, orchestrations });

    expect(end.output).toEqual({
      ok: true,
      value: { pointId, vmId: '/vm', region: 'northeurope', diskIds: ['/disk-d1', '/disk-d2'] },
    });
    expect(calls.map((call) => call.name)).toEqual([
      'prepareRestore',
      'verifyReplicaDisk',
      'verifyReplicaDisk',
      'restoreDisk',
      'restoreDisk',
      'createNic',
      'createVm',
      'finishRestore',
      'endRun',
    ]);
    expect(inputsOf('restoreDisk')).toMatchObject([
      { runId, origin, step: { diskKey: 'd1' }, verified: true },
      { step: { diskKey: 'd2' } },
    ]);
    expect(inputsOf('endRun')).toMatchObject([{ state: 'succeeded', pointId }]);
  });

  it('verifies nothing where the plan does not say so', async () => {
    const steps = plan.steps.filter((one) => one.kind !== 'verifyDisk');
    const { activities, inputsOf } = world({ ...plan, steps });

    await replay(restoreVm, input, { activities, orchestrations });

    expect(inputsOf('verifyReplicaDisk')).toEqual([]);
  });

  it('calls a disk again until it is finished, and no other', async () => {
    const { activities } = world();
    const asked: string[] = [];
    const restoreDisk = ({ step: { diskKey } }: { step: { diskKey: string } }) => {
      asked.push(diskKey);
      const done = diskKey === 'd1' || asked.length > 4;
      return { ok: true, value: { finished: done, resourceId: '/made', copiedBytes: 7 } };
    };

    const end = await replay(restoreVm, input, {
      activities: { ...activities, restoreDisk },
      orchestrations,
    });

    expect(end.output).toMatchObject({ ok: true });
    expect(asked).toEqual(['d1', 'd2', 'd2', 'd2', 'd2']);
    expect(end.statuses).toContainEqual(
      expect.objectContaining({ phase: 'restoringDisks', finished: 1, copiedBytes: 14 }),
    );
  });

  it('gives up a disk that never finishes', async () => {
    const { activities, inputsOf } = world();
    const restoreDisk = () => ({ ok: true, value: { finished: false, resourceId: '/made' } });

    const end = await replay(restoreVm, input, {
      activities: { ...activities, restoreDisk },
      orchestrations,
    });

    expect(end.output).toMatchObject({ ok: false, errorCode: 'RestoreTooSlow' });
    expect(inputsOf('undoRestore')).toHaveLength(1);
  });

  it('marks a damaged copy, makes nothing of it, and undoes', async () => {
    const { activities, inputsOf } = world();
    const verifyReplicaDisk = ({ diskKey }: { diskKey: string }) =>
      diskKey === 'd2'
        ? { ok: false, errorCode: 'ReplicaDamaged', message: 'segment 3 differs' }
        : { ok: true, value: { nextOffset: null, readBytes: 1, proof: 'byDiff' } };

    const end = await replay(restoreVm, input, {
      activities: { ...activities, verifyReplicaDisk },
      orchestrations,
    });

    expect(end.output).toMatchObject({ ok: false, errorCode: 'ReplicaDamaged' });
    expect(inputsOf('markDamaged')).toEqual([
      { vmKey, pointId, target: 'paired', reason: 'segment 3 differs' },
    ]);
    expect(inputsOf('restoreDisk')).toEqual([]);
    expect(inputsOf('undoRestore')).toMatchObject([{ runId, origin }]);
  });

  it('names what could not be removed', async () => {
    const { activities, inputsOf } = world();
    const left = [{ resourceId: '/disk-d1', reason: 'it is attached' }];

    const end = await replay(restoreVm, input, {
      activities: {
        ...activities,
        createVm: () => refusal,
        undoRestore: () => ({ ok: true, value: { left } }),
      },
      orchestrations,
    });

    expect(JSON.stringify(end.output)).toContain('/disk-d1 (it is attached)');
    expect(JSON.stringify(inputsOf('endRun'))).toContain('/disk-d1 (it is attached)');
  });

  it('leaves its run open, and dies, when it cannot be undone: reconcile closes it', async () => {
    const { activities, inputsOf } = world();

    const end = replay(restoreVm, input, {
      activities: {
        ...activities,
        createVm: () => refusal,
        undoRestore: () => ({ ok: false, errorCode: 'NetworkError', message: 'no route' }),
      },
      orchestrations,
    });

    await expect(end).rejects.toThrow(/db-1 exists.*no route/);
    expect(inputsOf('endRun')).toEqual([]);
  });

  it('ends in undoRestore wherever an activity fails, however it fails, in any order', async () => {
    const names = [
      'prepareRestore',
      'verifyReplicaDisk',
      'restoreDisk',
      'createNic',
      'createVm',
      'finishRestore',
    ];
    await forAnyFailure(names, async ({ name, failing, pick }) => {
      const { activities, inputsOf } = world();
      const end = await replay(restoreVm, input, {
        activities: { ...activities, [name]: failing },
        orchestrations,
        pick,
      });

      expect(end.output).toMatchObject({ ok: false });
      expect(inputsOf('undoRestore')).toHaveLength(1);
      expect(inputsOf('endRun')).toMatchObject([{ state: 'failed' }]);
    });
  });
});
