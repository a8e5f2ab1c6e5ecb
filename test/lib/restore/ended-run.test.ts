import { describe, expect, it } from 'vitest';
import { createNic } from '../../../lib/restore/create-nic.ts';
import { restoreDisk } from '../../../lib/restore/restore-disk.ts';
import { undoRestore } from '../../../lib/restore/undo-restore.ts';
import { type RestoreWorld, RUN_ID } from '../../fakes/restore-world.ts';
import { SAMPLE_VM_KEY } from '../../fakes/sample-point.ts';
import { prepared, worldWithReplica } from './running-cases.ts';

const markRun = (world: RestoreWorld, state: 'running' | 'failed'): Promise<void> =>
  world.ports.catalog.putRun({
    formatVersion: 1,
    runId: RUN_ID,
    kind: 'restore',
    vmKey: SAMPLE_VM_KEY,
    instanceId: RUN_ID,
    state,
    startedAtUtc: '2026-11-23T18:30:00.000Z',
  });

const steps = async (world: RestoreWorld) => {
  const plan = await prepared(world);
  const disk = plan.steps.find((step) => step.kind === 'restoreDisk');
  const nic = plan.steps.find((step) => step.kind === 'createNic');
  if (disk?.kind !== 'restoreDisk' || nic?.kind !== 'createNic') throw new Error('no such step');
  return { origin: plan.origin, disk, nic };
};

describe('an activity that outlives its run', () => {
  it('makes nothing any more', async () => {
    const world = await worldWithReplica();
    const { origin, disk, nic } = await steps(world);
    await markRun(world, 'failed');

    const input = { runId: RUN_ID, origin };
    expect(await createNic(world.ports, { ...input, step: nic })).toMatchObject({
      errorCode: 'RunEnded',
    });
    expect(await restoreDisk(world.ports, { ...input, step: disk, verified: true })).toMatchObject({
      errorCode: 'RunEnded',
    });

    expect(world.arm.resources.size).toBe(0);
    expect(world.scratch.blobs.size).toBe(0);
    expect(await world.ports.catalog.listMade(RUN_ID)).toEqual([]);
  });

  it('removes what it made while the run was closed, at whichever call that happens', async () => {
    for (let at = 1; at < 60; at += 1) {
      let seen = 0;
      let closing = false;
      let undoneTwice = false;
      const world = await worldWithReplica({
        before: async () => {
          if (closing) return;
          seen += 1;
          if (seen !== at) return;
          closing = true;
          // What the close-run orchestration does.
          await undoRestore(world.ports, { runId: RUN_ID });
          await markRun(world, 'failed');
          await undoRestore(world.ports, { runId: RUN_ID });
          undoneTwice = true;
          closing = false;
        },
      });
      closing = true;
      await markRun(world, 'running');
      const { origin, disk, nic } = await steps(world);
      closing = false;
      const ends = await Promise.allSettled([
        restoreDisk(world.ports, { runId: RUN_ID, origin, step: disk, verified: true }),
        createNic(world.ports, { runId: RUN_ID, origin, step: nic }),
      ]);
      closing = true;
      expect(ends.length).toBe(2);
      if (!undoneTwice) {
        expect(at).toBeGreaterThan(20);
        break;
      }
      expect([...world.arm.resources.keys()], `call ${at}`).toEqual([]);
      expect([...world.scratch.blobs.keys()], `call ${at}`).toEqual([]);
    }
  });
});

describe('two restores under one name', () => {
  it('are told apart by whose tags the platform kept', async () => {
    let raced = false;
    const world = await worldWithReplica({
      after: (method) => {
        if (method !== 'vms.createNic' || raced) return;
        raced = true;
        // Another run looked before we made ours, and its request came after.
        const [resource] = world.arm.resources.values();
        if (resource === undefined) throw new Error('nothing was made');
        resource.found = { ...resource.found, tags: { 'lockstep-run': 'another-run' } };
      },
    });
    const { origin, nic } = await steps(world);

    const outcome = await createNic(world.ports, { runId: RUN_ID, origin, step: nic });

    expect(outcome).toMatchObject({ ok: false, errorCode: 'NicNameTaken' });
    await undoRestore(world.ports, { runId: RUN_ID, origin });
    expect(world.arm.resources.size).toBe(1);
  });
});
