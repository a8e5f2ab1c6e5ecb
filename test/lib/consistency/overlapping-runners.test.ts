import { describe, expect, it } from 'vitest';
import { beginUncoordinatedSet } from '../../../lib/consistency/begin-uncoordinated-set.ts';
import { failPoint } from '../../../lib/consistency/fail-point.ts';
import { preparePoint } from '../../../lib/consistency/prepare-point.ts';
import { recordPoint } from '../../../lib/consistency/record-point.ts';
import { snapshotInLockstep } from '../../../lib/consistency/snapshot-in-lockstep.ts';
import {
  createLockstepWorld,
  type LockstepWorld,
  REQUEST,
  RUN_ID,
} from '../../fakes/lockstep-world.ts';
import { createPortFaults, type PortFaults } from '../../fakes/port-faults.ts';
import { SAMPLE_VM_ID } from '../../fakes/sample-point.ts';

/** Does something else, once, right before the call of that number. */
const interrupting = (at: number, act: () => Promise<unknown>): PortFaults => {
  const calls: string[] = [];
  let acting = false;
  return {
    calls,
    struck: () => calls.length >= at,
    async run(name, go) {
      if (acting) return await go();
      calls.push(name);
      if (calls.length === at) {
        acting = true;
        await act();
        acting = false;
      }
      return await go();
    },
  };
};

describe('two executions of one run', () => {
  it.each([
    ['lockstep', snapshotInLockstep],
    ['uncoordinated', beginUncoordinatedSet],
  ] as const)('never record what a %s attempt has ended meanwhile', async (_, beginAnother) => {
    const whole = await createLockstepWorld();
    const set = await snapshotInLockstep(whole.ports, whole.input);
    if (!set.ok) throw new Error(set.message);
    const first = whole.faults.calls.length + 1;
    await recordPoint(whole.ports, { ...whole.input, ...set.value, targets: ['paired'] });
    for (let at = first; at <= whole.faults.calls.length; at += 1) {
      let world: LockstepWorld | undefined;
      // What `expire` would delete now: no point that is recorded holds it.
      const deleted = new Set<string>();
      const faults = interrupting(at, async () => {
        if (world === undefined) return;
        const { ports, input, catalog } = world;
        await beginAnother(ports, input);
        if ((await catalog.getPoint(input.vmKey, input.pointId))?.value.state === 'recorded')
          return;
        for (const row of await catalog.listDoomed()) deleted.add(row.resourceId);
      });
      world = await createLockstepWorld({ faults });
      const { ports, input, catalog } = world;
      const taken = await snapshotInLockstep(ports, input);
      if (!taken.ok) throw new Error(taken.message);
      const recording = recordPoint(ports, { ...input, ...taken.value, targets: ['paired'] });
      await recording.catch(() => undefined);
      const point = (await catalog.getPoint(input.vmKey, input.pointId))?.value;
      if (point?.state !== 'recorded') continue;
      const own = point.disks.map((disk) => disk.snapshot?.snapshotId ?? '');
      expect(
        own.filter((id) => deleted.has(id)),
        `call ${at}`,
      ).toEqual([]);
    }
  });

  it('leave no lock and no open point when one prepares after the run was closed', async () => {
    const whole = await createLockstepWorld({ prepared: false });
    const order = { runId: RUN_ID, vmId: SAMPLE_VM_ID, requested: REQUEST, targets: [] };
    expect(await preparePoint(whole.ports, order)).toMatchObject({ ok: true });
    const { vmKey } = whole.input;
    for (let at = 1; at <= whole.faults.calls.length; at += 1) {
      let world: LockstepWorld | undefined;
      const faults = interrupting(at, async () => {
        if (world === undefined) return;
        // What the close-run orchestration does.
        await failPoint(world.ports, { runId: RUN_ID, errorCode: 'X', message: 'closed' });
        await world.catalog.putRun({
          ...{ formatVersion: 1, runId: RUN_ID, kind: 'protect', vmKey, instanceId: 'i' },
          ...{ state: 'failed', startedAtUtc: '2026-11-23T18:15:01.000Z' },
        });
        await failPoint(world.ports, { runId: RUN_ID, errorCode: 'X', message: 'closed' });
      });
      world = await createLockstepWorld({ faults, prepared: false });
      const { ports, catalog } = world;
      const outcome = await preparePoint(ports, order).catch(() => undefined);
      expect(outcome?.ok, `call ${at}`).not.toBe(true);
      const points = await catalog.listPoints();
      expect(
        points.filter((point) => point.state === 'preparing'),
        `call ${at}`,
      ).toEqual([]);
      const lock = { vmKey, ownerRunId: 'another', expiresAtUtc: '2026-11-23T19:00:00.000Z' };
      expect(await catalog.takeLock(lock, '2026-11-23T18:15:02.000Z')).toEqual(lock);
    }
  });

  it('leave nothing undoomed when the run is failed at any moment of the attempt', async () => {
    const whole = await createLockstepWorld({ faults: createPortFaults() });
    await snapshotInLockstep(whole.ports, whole.input);
    for (let at = 1; at <= whole.faults.calls.length + 1; at += 1) {
      let world: LockstepWorld | undefined;
      const faults = interrupting(at, async () => {
        if (world === undefined) return;
        await failPoint(world.ports, { ...world.input, errorCode: 'X', message: 'closed' });
      });
      world = await createLockstepWorld({ faults });
      const { ports, input, catalog } = world;
      await snapshotInLockstep(ports, input).catch(() => undefined);
      const point = (await catalog.getPoint(input.vmKey, input.pointId))?.value;
      if (point?.state !== 'failed') continue;
      const open = (await catalog.listMade(RUN_ID)).filter((row) => row.state === 'made');
      expect(
        open.map((row) => row.kind),
        `call ${at}: ${faults.calls[at - 1]}`,
      ).toEqual([]);
    }
  });
});
