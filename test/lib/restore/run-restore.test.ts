import { describe, expect, it } from 'vitest';
import { TAGS } from '../../../lib/catalog/storage-layout.ts';
import { BackupError } from '../../../lib/errors.ts';
import { finishRestore } from '../../../lib/restore/finish-restore.ts';
import { markDamaged } from '../../../lib/restore/mark-damaged.ts';
import { prepareRestore } from '../../../lib/restore/prepare-restore.ts';
import { restoreDisk } from '../../../lib/restore/restore-disk.ts';
import { undoRestore } from '../../../lib/restore/undo-restore.ts';
import {
  createRestoreWorld,
  listPoint,
  RUN_ID,
  restoreOf,
  runPlan,
} from '../../fakes/restore-world.ts';
import { assertRestored, POINT, prepared, worldWithReplica } from './running-cases.ts';

describe('a restore from a replica', () => {
  it('makes the VM with the captured settings, without our tags, scratch or lease', async () => {
    const world = await worldWithReplica();
    const plan = await prepared(world);
    expect(await runPlan(world.ports, plan)).toEqual({ ok: true, value: { vmId: plan.vmId } });
    await assertRestored(world);
  });

  it('carries our tags on everything while it lasts', async () => {
    const world = await worldWithReplica();
    const plan = await prepared(world);
    await runPlan(world.ports, { ...plan, steps: plan.steps.filter((s) => s.kind !== 'createVm') });
    const all = createRestoreWorld();
    await all.seal(POINT);
    const step = plan.steps.find((one) => one.kind === 'restoreDisk');
    if (step === undefined) throw new Error('no disk step');
    await restoreDisk(all.ports, { runId: RUN_ID, origin: plan.origin, step, verified: true });
    const [disk] = all.arm.resources.values();
    expect(disk?.found.tags).toMatchObject({
      [TAGS.run]: RUN_ID,
      [TAGS.deployment]: 'lockstep-test',
      [TAGS.point]: POINT.pointId,
      tier: 'os',
    });
  });

  it('holds the point’s manifest, so that nobody else gets its lease', async () => {
    const world = await worldWithReplica();
    await prepared(world);
    await expect(world.manifests.lease(POINT, 'expiry', 15)).rejects.toThrow();
  });

  it('shares the manifest’s lease with other restores, and is refused while expiry has it', async () => {
    const world = await worldWithReplica();
    await prepared(world);
    await prepared(world);
    const held = await worldWithReplica();
    await held.manifests.lease(POINT, 'expiry', 15);
    const plan = await prepareRestore(held.ports, {
      request: restoreOf(POINT),
      runId: RUN_ID,
      dryRun: false,
    });
    expect(plan).toMatchObject({ ok: false, errorCode: 'PointHeld' });
  });

  it('refuses a disk that was to be verified and was not', async () => {
    const world = await worldWithReplica();
    const plan = await prepared(world);
    const step = plan.steps.find((one) => one.kind === 'restoreDisk');
    if (step === undefined) throw new Error('no disk step');
    const input = { runId: RUN_ID, origin: plan.origin, step, verified: false };
    expect(await restoreDisk(world.ports, input)).toMatchObject({
      errorCode: 'ReplicaNotVerified',
    });
    expect(world.arm.resources.size).toBe(0);
    expect(world.scratch.blobs.size).toBe(0);
  });

  it('says that it is not finished when the scratch copy takes longer than one call', async () => {
    const world = await worldWithReplica();
    world.scratch.looksUntilCopied = 50;
    const plan = await prepared(world);
    const step = plan.steps.find((one) => one.kind === 'restoreDisk');
    if (step === undefined) throw new Error('no disk step');
    const input = { runId: RUN_ID, origin: plan.origin, step, verified: true };
    const first = await restoreDisk(world.ports, input);
    expect(first).toMatchObject({ ok: true, value: { finished: false, copiedBytes: 1 } });
    expect(await runPlan(world.ports, plan)).toMatchObject({ ok: true });
    await assertRestored(world);
  });

  it('begins a scratch copy anew after one that failed', async () => {
    const world = await worldWithReplica();
    world.scratch.failures = 1;
    const plan = await prepared(world);
    await expect(runPlan(world.ports, plan)).rejects.toMatchObject({
      errorCode: 'ScratchCopyFailed',
    });
    expect(await runPlan(world.ports, plan)).toMatchObject({ ok: true });
    await assertRestored(world);
  });

  it('never overwrites what appeared under a planned name', async () => {
    const world = await worldWithReplica();
    const plan = await prepared(world);
    const step = plan.steps.find((one) => one.kind === 'restoreDisk');
    world.arm.place(step?.kind === 'restoreDisk' ? step.diskId : '', 'northeurope', { a: 'b' });
    expect(await runPlan(world.ports, plan)).toMatchObject({ errorCode: 'DiskNameTaken' });
    const undone = await undoRestore(world.ports, { runId: RUN_ID, origin: plan.origin });
    expect(undone).toMatchObject({ ok: true, value: { left: [] } });
    expect([...world.arm.resources.values()].map((one) => one.found.tags)).toEqual([{ a: 'b' }]);
    expect(world.scratch.blobs.size).toBe(0);
  });
});

describe('undoing a restore', () => {
  it('removes the newest first and names what could not be removed', async () => {
    const removed: string[] = [];
    const world = await worldWithReplica({
      after: (method) => {
        if (/remove(Vm|Nic|Disk)$/.test(method)) removed.push(method);
      },
    });
    const plan = await prepared(world);
    const stuckStep = plan.steps.find((one) => one.kind === 'restoreDisk');
    const stuckId = stuckStep?.kind === 'restoreDisk' ? stuckStep.diskId : '';
    world.arm.refusals.set(plan.vmId.toLowerCase(), 'Operation could not be completed: quota');
    expect(await runPlan(world.ports, plan)).toMatchObject({ ok: false, message: /quota/ });
    world.arm.stuck.add(stuckId.toLowerCase());
    const undone = await undoRestore(world.ports, { runId: RUN_ID, origin: plan.origin });
    expect(undone).toMatchObject({
      ok: true,
      value: { left: [{ resourceId: stuckId, reason: expect.stringContaining('locked') }] },
    });
    expect(removed).toEqual([
      ...['vms.removeNic', 'vms.removeNic'],
      ...['disks.removeDisk', 'disks.removeDisk', 'disks.removeDisk'],
    ]);
    world.arm.stuck.clear();
    expect(await undoRestore(world.ports, { runId: RUN_ID, origin: plan.origin })).toMatchObject({
      value: { removed: 1, left: [] },
    });
    expect(world.arm.resources.size).toBe(0);
  });
});

describe('a restore whose end fails', () => {
  it('keeps the VM, whatever undoes afterwards', async () => {
    let broken = false;
    const world = await worldWithReplica({
      before: (method) => {
        if (broken && method === 'vms.replaceVmTags') throw new BackupError('Injected', method);
      },
    });
    const plan = await prepared(world);
    broken = true;
    await expect(runPlan(world.ports, plan)).rejects.toThrow('replaceVmTags');
    const undone = await undoRestore(world.ports, { runId: RUN_ID, origin: plan.origin });
    expect(undone).toEqual({ ok: true, value: { removed: 0, left: [] } });
    expect(world.arm.resources.size).toBe(7);
    expect(world.scratch.blobs.size).toBe(0);
    broken = false;
    expect(await finishRestore(world.ports, { runId: RUN_ID, plan })).toMatchObject({ ok: true });
    await assertRestored(world);
  });
});

describe('the end of a restore that comes again', () => {
  it('leaves alone what its user has changed or removed since', async () => {
    const world = await worldWithReplica();
    const plan = await prepared(world);
    expect(await runPlan(world.ports, plan)).toMatchObject({ ok: true });
    await world.ports.vms.replaceVmTags(plan.vmId, { owner: 'somebody' });
    const nic = plan.steps.find((step) => step.kind === 'createNic');
    const nicId = nic?.kind === 'createNic' ? nic.nicId.toLowerCase() : '';
    expect(world.arm.resources.delete(nicId)).toBe(true);

    const again = await finishRestore(world.ports, { runId: RUN_ID, plan });

    expect(again).toMatchObject({ ok: true });
    const vm = world.arm.resources.get(plan.vmId.toLowerCase());
    expect(vm?.found.tags).toEqual({ owner: 'somebody' });
  });
});

describe('a restore from snapshots', () => {
  it('copies each disk from its snapshot and needs no replica', async () => {
    const world = createRestoreWorld({ homeRegion: 'westeurope' });
    await listPoint(world, POINT, ['primary']);
    const snapshots = POINT.disks.map((disk) => disk.snapshot?.snapshotId ?? '');
    for (const id of snapshots) world.arm.place(id, 'westeurope');
    const plan = await prepared(world);
    expect(await runPlan(world.ports, plan)).toMatchObject({ ok: true });
    const sources = [...world.arm.resources.values()].flatMap(({ made }) =>
      made.kind === 'disk' && made.source.kind === 'snapshot' ? [made.source.snapshotId] : [],
    );
    expect(sources).toEqual(snapshots);
  });
});

describe('markDamaged', () => {
  it('takes the copy out of every later restore, and may be repeated', async () => {
    const world = await worldWithReplica();
    await listPoint(world, POINT, ['paired']);
    const input = {
      vmKey: POINT.vmKey,
      pointId: POINT.pointId,
      target: 'paired',
      reason: 'disk a: segment 0 differs',
    };
    expect(await markDamaged(world.ports, input)).toEqual({ ok: true, value: { marked: true } });
    expect(await markDamaged(world.ports, input)).toEqual({ ok: true, value: { marked: false } });
    const plan = await prepareRestore(world.ports, {
      request: restoreOf(POINT),
      runId: RUN_ID,
      dryRun: true,
    });
    expect(plan).toMatchObject({ errorCode: 'CopyNotAvailable', message: /segment 0 differs/ });
    expect(await markDamaged(world.ports, { ...input, target: 'other' })).toMatchObject({
      errorCode: 'CopyNotAvailable',
    });
  });
});
