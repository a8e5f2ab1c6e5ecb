import { describe, expect, it } from 'vitest';
import { POINT_ID_PATTERN, vmKeyOf } from '../../../lib/catalog/identifiers.ts';
import type { Verdict } from '../../../lib/catalog/labels.ts';
import { beginUncoordinatedSet } from '../../../lib/consistency/begin-uncoordinated-set.ts';
import { failPoint } from '../../../lib/consistency/fail-point.ts';
import { judgeUncoordinatedSet } from '../../../lib/consistency/judge-uncoordinated-set.ts';
import { preparePoint } from '../../../lib/consistency/prepare-point.ts';
import { recordPoint } from '../../../lib/consistency/record-point.ts';
import { snapshotDisk } from '../../../lib/consistency/snapshot-disk.ts';
import { snapshotInLockstep } from '../../../lib/consistency/snapshot-in-lockstep.ts';
import type { VmReading } from '../../../lib/ports/vm-inventory.ts';
import {
  createLockstepWorld,
  type LockstepWorld,
  type LockstepWorldOptions,
  REQUEST,
  RUN_ID,
} from '../../fakes/lockstep-world.ts';
import { sampleReading } from '../../fakes/memory-vm-inventory.ts';
import { createPortFaults } from '../../fakes/port-faults.ts';
import {
  SAMPLE_VM_ID,
  SAMPLE_VM_KEY,
  sampleConfiguration,
  sampleDisks,
} from '../../fakes/sample-point.ts';

const prepare = { runId: RUN_ID, vmId: SAMPLE_VM_ID, requested: REQUEST, targets: ['paired'] };
const unprepared = (options: LockstepWorldOptions = {}): Promise<LockstepWorld> =>
  createLockstepWorld({ ...options, prepared: false });

describe('preparePoint', () => {
  it('locks the VM and writes a preparing point with the configuration', async () => {
    const world = await unprepared();
    const outcome = await preparePoint(world.ports, prepare);
    if (!outcome.ok) throw new Error(outcome.message);
    const { pointId, vmKey, disks } = outcome.value;
    expect(pointId).toMatch(POINT_ID_PATTERN);
    expect(disks.map((disk) => disk.lun)).toEqual([-1, 0, 1, 2]);
    const row = await world.catalog.getPoint(vmKey, pointId);
    expect(row?.value).toMatchObject({ state: 'preparing', runId: RUN_ID, vmName: 'db-1' });
    const lock = { vmKey, ownerRunId: 'other', expiresAtUtc: '2026-11-23T19:00:00.000Z' };
    const held = await world.catalog.takeLock(lock, world.clock.now().toISOString());
    expect(held.ownerRunId).toBe(RUN_ID);
    expect(await world.catalog.getVm(vmKey)).toMatchObject({ name: 'db-1' });
  });

  it('has one point for a run, however often it runs', async () => {
    const world = await unprepared();
    const first = await preparePoint(world.ports, prepare);
    await world.clock.sleep(5_000);
    const second = await preparePoint(world.ports, prepare);
    expect(second).toEqual(first);
    expect(await world.catalog.listPoints()).toHaveLength(1);
  });

  const managed = sampleConfiguration();
  const disk = (change: object): Partial<VmReading> => ({
    configuration: sampleConfiguration({
      disks: sampleDisks().map((one) => (one.lun === 1 ? { ...one, ...change } : one)),
    }),
  });
  const attached = (change: object): Partial<VmReading> => ({
    attachedDisks: sampleReading().attachedDisks.map((one) =>
      one.lun === 0 ? { ...one, ...change } : one,
    ),
  });
  it.each<[string, string, Partial<VmReading>]>([
    ['VmNotRunning', 'is stopped', { powerState: 'deallocated' }],
    ['VmAgentNotReady', 'has no agent', { agentState: 'notReady', agentDetail: 'Not Ready' }],
    ['OsNotSupported', 'runs Windows', { configuration: { ...managed, osType: 'Windows' } }],
    ['DiskNotSupported', 'has an Ultra disk', disk({ sku: 'UltraSSD_LRS' })],
    ['DiskNotSupported', 'has a Premium v2 disk', disk({ sku: 'PremiumV2_LRS' })],
    ['DiskNotSupported', 'has a disk with large sectors', disk({ logicalSectorSize: 4096 })],
    ['DiskNotSupported', 'has a shared disk', attached({ maxShares: 2 })],
    ['DiskNotSupported', 'has an ephemeral disk', attached({ ephemeral: true })],
    ['DiskNotSupported', 'has a disk in a blob', attached({ diskId: undefined })],
    ['DiskNotSupported', 'has no disk at all', { attachedDisks: [] }],
  ])('refuses %s when the VM %s, and makes nothing', async (errorCode, _, change) => {
    const world = await unprepared();
    world.vms.put(SAMPLE_VM_ID, sampleReading(change));
    const outcome = await preparePoint(world.ports, prepare);
    expect(outcome).toMatchObject({ ok: false, errorCode });
    expect(await world.catalog.listPoints()).toHaveLength(0);
    const lock = {
      vmKey: SAMPLE_VM_KEY,
      ownerRunId: 'other',
      expiresAtUtc: '2027-01-01T00:00:00Z',
    };
    const held = await world.catalog.takeLock(lock, world.clock.now().toISOString());
    expect(held.ownerRunId).toBe('other');
  });

  it('lets the crash provider take a stopped VM without an agent', async () => {
    const world = await unprepared();
    world.vms.put(
      SAMPLE_VM_ID,
      sampleReading({ powerState: 'deallocated', agentState: 'notReady' }),
    );
    const requested = { ...REQUEST, provider: 'crash', label: 'uncoordinated' } as const;
    expect((await preparePoint(world.ports, { ...prepare, requested })).ok).toBe(true);
  });

  it('refuses an unknown VM, a replaced VM, a locked VM, a bad deadline and a bad run id', async () => {
    const world = await unprepared();
    const code = async (change: object): Promise<string> => {
      const outcome = await preparePoint(world.ports, { ...prepare, ...change });
      return outcome.ok ? 'ok' : outcome.errorCode;
    };
    expect(await code({ vmId: `${SAMPLE_VM_ID}x` })).toBe('VmNotFound');
    expect(await code({ runId: 'nonsense' })).toBe('RunIdInvalid');
    for (const freezeDeadlineMs of [999, 30_001, 1.5, Number.NaN]) {
      expect(await code({ requested: { ...REQUEST, freezeDeadlineMs } })).toBe(
        'FreezeDeadlineInvalid',
      );
    }
    const otherKey = vmKeyOf(SAMPLE_VM_ID, 'another-unique-id');
    expect(await code({ runId: RUN_ID.replace(SAMPLE_VM_KEY, otherKey) })).toBe('VmReplaced');
    expect(await code({})).toBe('ok');
    expect(await code({ runId: RUN_ID.replace('1a2b3c', 'ffffff') })).toBe('VmLocked');
  });
});

describe('the crash provider', () => {
  const take = async (world: LockstepWorld) => {
    const begun = await beginUncoordinatedSet(world.ports, world.input);
    if (!begun.ok) throw new Error(begun.message);
    const { attempt } = begun.value;
    const point = await world.catalog.getPoint(world.input.vmKey, world.input.pointId);
    const taken = await Promise.all(
      (point?.value.disks ?? []).map(({ diskKey }) =>
        snapshotDisk(world.ports, { ...world.input, attempt, diskKey }),
      ),
    );
    return { attempt, snapshots: taken.flatMap((one) => (one.ok ? [one.value] : [])) };
  };

  it.each([
    [3, 'uncoordinated'],
    [0, 'crash'],
  ])('calls a VM with %i data disks %s', async (dataDisks, achieved) => {
    const world = await createLockstepWorld({ dataDisks, requested: { provider: 'crash' } });
    const set = await take(world);
    expect(set.snapshots).toHaveLength(dataDisks + 1);
    const judged = await judgeUncoordinatedSet(world.ports, { ...world.input, ...set });
    expect(judged).toMatchObject({ ok: true, value: { verdict: { achieved, provider: 'crash' } } });
    expect(world.guest.commands.size).toBe(0);
  });

  it('refuses to judge a set with a hole', async () => {
    const world = await createLockstepWorld();
    const set = await take(world);
    const holed = { ...world.input, ...set, snapshots: set.snapshots.slice(1) };
    expect(await judgeUncoordinatedSet(world.ports, holed)).toMatchObject({
      errorCode: 'SetIncomplete',
    });
  });

  it('finds its own snapshot again when it is repeated, and no other attempt’s', async () => {
    const world = await createLockstepWorld();
    const first = await take(world);
    const [one] = first.snapshots;
    if (one === undefined) throw new Error('no snapshot');
    const order = { ...world.input, attempt: first.attempt, diskKey: one.diskKey };
    expect(await snapshotDisk(world.ports, order)).toMatchObject({
      value: { snapshot: one.snapshot },
    });
    const second = await beginUncoordinatedSet(world.ports, world.input);
    expect(second).not.toMatchObject({ value: { attempt: first.attempt } });
    expect(await snapshotDisk(world.ports, order)).toMatchObject({ errorCode: 'AttemptEnded' });
    const doomed = await world.catalog.listDoomed();
    expect(doomed).toHaveLength(4);
  });
});

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

describe('failPoint', () => {
  it('dooms everything, fails the point with its reason, and unlocks the VM', async () => {
    const world = await unprepared();
    const prepared = await preparePoint(world.ports, prepare);
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
      await recordPoint(world.ports, input).catch(() => undefined);
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
