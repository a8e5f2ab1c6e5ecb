import { describe, expect, it } from 'vitest';
import { beginUncoordinatedSet } from '../../../lib/consistency/begin-uncoordinated-set.ts';
import { judgeUncoordinatedSet } from '../../../lib/consistency/judge-uncoordinated-set.ts';
import { snapshotDisk } from '../../../lib/consistency/snapshot-disk.ts';
import { createLockstepWorld, type LockstepWorld } from '../../fakes/lockstep-world.ts';

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
