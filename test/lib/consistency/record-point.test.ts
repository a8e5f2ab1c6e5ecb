import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../../lib/catalog/labels.ts';
import { failPoint } from '../../../lib/consistency/fail-point.ts';
import { recordPoint } from '../../../lib/consistency/record-point.ts';
import { snapshotInLockstep } from '../../../lib/consistency/snapshot-in-lockstep.ts';
import type { VmReading } from '../../../lib/ports/vm-inventory.ts';
import { createLockstepWorld, type LockstepWorld, RUN_ID } from '../../fakes/lockstep-world.ts';
import { sampleReading } from '../../fakes/memory-vm-inventory.ts';
import { createPortFaults } from '../../fakes/port-faults.ts';
import { SAMPLE_VM_ID, sampleDisks } from '../../fakes/sample-point.ts';

describe('recordPoint', () => {
  const lockstepSet = async (world: LockstepWorld) => {
    const set = await snapshotInLockstep(world.ports, world.input);
    if (!set.ok) throw new Error(set.message);
    return { ...world.input, ...set.value, targets: ['paired'] };
  };

  it('makes the point visible with its copies, and keeps only its snapshots', async () => {
    const world = await createLockstepWorld();
    const input = await lockstepSet(world);
    expect(await recordPoint(world.ports, input)).toMatchObject({
      ok: true,
      value: { label: 'fileSystem' },
    });
    const point = await world.catalog.getPoint(input.vmKey, input.pointId);
    expect(point?.value.state).toBe('recorded');
    expect(point?.value.disks.every((disk) => disk.snapshot !== undefined)).toBe(true);
    const copies = await world.catalog.listCopies({ pointId: input.pointId });
    expect(copies.map((copy) => [copy.copy, copy.state])).toEqual([
      ['paired', 'pending'],
      ['primary', 'sealed'],
    ]);
    const rows = await world.catalog.listMade(RUN_ID);
    expect(rows.map((row) => row.kind).sort()).toEqual(['guestSession', 'runCommand']);
    expect(rows.every((row) => row.state === 'doomed')).toBe(true);
  });

  it('may be interrupted anywhere and run again', async () => {
    const whole = await createLockstepWorld();
    const wholeInput = await lockstepSet(whole);
    const start = whole.faults.calls.length;
    await recordPoint(whole.ports, wholeInput);
    for (let at = start + 1; at <= whole.faults.calls.length; at += 1) {
      for (const mode of ['before', 'after'] as const) {
        const faults = createPortFaults({ at, mode });
        const world = await createLockstepWorld({ faults });
        const input = await lockstepSet(world);
        await expect(recordPoint(world.ports, input)).rejects.toThrow('injected');
        expect(await recordPoint(world.ports, input)).toMatchObject({ ok: true });
        const copies = await world.catalog.listCopies({ pointId: input.pointId });
        expect(copies).toHaveLength(2);
        const rows = await world.catalog.listMade(RUN_ID);
        expect(rows.filter((row) => row.kind === 'snapshot')).toHaveLength(0);
      }
    }
  });

  it.each([
    ['gone', (reading: VmReading) => reading.configuration.disks.slice(0, 3)],
    ['new', () => sampleDisks(4)],
    [
      'replaced',
      (reading: VmReading) =>
        reading.configuration.disks.map((disk) =>
          disk.lun === 1 ? { ...disk, diskUniqueId: 'other' } : disk,
        ),
    ],
    [
      'swapped',
      (reading: VmReading) =>
        reading.configuration.disks.map((disk) =>
          disk.lun < 0 ? disk : { ...disk, lun: 2 - disk.lun },
        ),
    ],
  ])('refuses DisksChanged when a disk is %s', async (_, change) => {
    const world = await createLockstepWorld();
    const input = await lockstepSet(world);
    const reading = sampleReading();
    const disks = change(reading);
    world.vms.put(
      SAMPLE_VM_ID,
      sampleReading({ configuration: { ...reading.configuration, disks } }),
    );
    expect(await recordPoint(world.ports, input)).toMatchObject({ errorCode: 'DisksChanged' });
    expect(await world.catalog.listCopies({})).toHaveLength(0);
  });

  it('refuses a label below what the request accepts, and takes one that it accepts', async () => {
    const lower: Pick<Verdict, 'achieved'> = { achieved: 'uncoordinated' };
    for (const [requested, errorCode] of [
      [{}, 'LabelMissed'],
      [{ accept: 'crash' as const }, 'LabelMissed'],
      [{ accept: 'uncoordinated' as const }, undefined],
    ] as const) {
      const world = await createLockstepWorld({ requested });
      const input = await lockstepSet(world);
      const verdict = { ...input.verdict, ...lower };
      const outcome = await recordPoint(world.ports, { ...input, verdict });
      expect(outcome.ok ? undefined : outcome.errorCode).toBe(errorCode);
    }
  });

  it('refuses a set that a later execution has ended', async () => {
    const world = await createLockstepWorld();
    const stale = await lockstepSet(world);
    const fresh = await lockstepSet(world);
    expect(await recordPoint(world.ports, stale)).toMatchObject({ errorCode: 'AttemptEnded' });
    expect(await recordPoint(world.ports, fresh)).toMatchObject({ ok: true });
  });

  it('refuses a set with a hole, and a point that was failed', async () => {
    const world = await createLockstepWorld();
    const input = await lockstepSet(world);
    const holed = { ...input, snapshots: input.snapshots.slice(1) };
    expect(await recordPoint(world.ports, holed)).toMatchObject({ errorCode: 'SetIncomplete' });
    await failPoint(world.ports, { ...world.input, errorCode: 'X', message: 'y' });
    expect(await recordPoint(world.ports, input)).toMatchObject({
      errorCode: 'PointNotPreparing',
    });
  });
});
