import { describe, expect, it } from 'vitest';
import { failPoint } from '../../../lib/consistency/fail-point.ts';
import { preparePoint } from '../../../lib/consistency/prepare-point.ts';
import { recordPoint } from '../../../lib/consistency/record-point.ts';
import { snapshotInLockstep } from '../../../lib/consistency/snapshot-in-lockstep.ts';
import { BackupError } from '../../../lib/errors.ts';
import {
  createLockstepWorld,
  createUnpreparedWorld,
  PREPARE_INPUT,
  RUN_ID,
} from '../../fakes/lockstep-world.ts';
import { createPortFaults } from '../../fakes/port-faults.ts';

describe('failPoint', () => {
  it('dooms everything, fails the point with its reason, and unlocks the VM', async () => {
    const world = await createUnpreparedWorld();
    const prepared = await preparePoint(world.ports, PREPARE_INPUT);
    if (!prepared.ok) throw new Error(prepared.message);
    const input = { runId: RUN_ID, ...prepared.value };
    const set = await snapshotInLockstep(world.ports, input);
    expect(set.ok).toBe(true);
    const failure = { errorCode: 'LabelMissed', message: 'wanted more' };
    for (let repeats = 0; repeats < 2; repeats += 1) {
      expect((await failPoint(world.ports, { ...input, ...failure })).ok).toBe(true);
    }
    const point = await world.catalog.getPoint(input.vmKey, input.pointId);
    expect(point?.value).toMatchObject({ state: 'failed', failure });
    const rows = await world.catalog.listMade(RUN_ID);
    expect(rows).toHaveLength(6);
    expect(rows.every((row) => row.state === 'doomed')).toBe(true);
    const lock = { vmKey: input.vmKey, ownerRunId: 'next', expiresAtUtc: '2027-01-01T00:00:00Z' };
    const held = await world.catalog.takeLock(lock, world.clock.now().toISOString());
    expect(held.ownerRunId).toBe('next');
  });

  it('finds the point of a run that died before it could name it', async () => {
    const world = await createLockstepWorld();
    await failPoint(world.ports, { runId: RUN_ID, errorCode: 'X', message: 'y' });
    const point = await world.catalog.getPoint(world.input.vmKey, world.input.pointId);
    expect(point?.value.state).toBe('failed');
  });

  it('never dooms the snapshots of a point that was recorded after all', async () => {
    const whole = await createLockstepWorld();
    const set = await snapshotInLockstep(whole.ports, whole.input);
    if (!set.ok) throw new Error(set.message);
    const start = whole.faults.calls.length;
    await recordPoint(whole.ports, { ...whole.input, ...set.value, targets: [] });
    for (let at = start + 1; at <= whole.faults.calls.length; at += 1) {
      const faults = createPortFaults({ at, mode: 'after' });
      const world = await createLockstepWorld({ faults });
      const taken = await snapshotInLockstep(world.ports, world.input);
      if (!taken.ok) throw new Error(taken.message);
      const input = { ...world.input, ...taken.value, targets: [] };
      await recordPoint(world.ports, input).catch((error: unknown) => {
        if (!(error instanceof BackupError)) throw error;
      });
      await failPoint(world.ports, { ...world.input, errorCode: 'X', message: 'y' });
      const point = await world.catalog.getPoint(input.vmKey, input.pointId);
      const doomed = await world.catalog.listDoomed();
      const ids = input.snapshots.map((one) => one.snapshot.snapshotId);
      const doomedOnes = ids.filter((id) => doomed.some((row) => row.resourceId === id));
      expect(doomedOnes).toHaveLength(point?.value.state === 'recorded' ? 0 : ids.length);
      const copies = await world.catalog.listCopies({ pointId: input.pointId });
      if (point?.value.state === 'failed') {
        expect(copies.every((copy) => ['gone', 'skipped'].includes(copy.state))).toBe(true);
      }
    }
  });
});
