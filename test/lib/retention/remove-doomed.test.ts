import { describe, expect, it } from 'vitest';
import type { MadeResource } from '../../../lib/catalog/run.ts';
import { TAGS } from '../../../lib/catalog/storage-layout.ts';
import { failPoint } from '../../../lib/consistency/fail-point.ts';
import { recordPoint } from '../../../lib/consistency/record-point.ts';
import { snapshotInLockstep } from '../../../lib/consistency/snapshot-in-lockstep.ts';
import {
  createGuestSessionRemover,
  createRunCommandRemover,
  createSnapshotRemover,
} from '../../../lib/retention/doomed-removers.ts';
import { type RemoveDoomedPorts, removeDoomed } from '../../../lib/retention/remove-doomed.ts';
import { createLockstepWorld, DEPLOYMENT, type LockstepWorld } from '../../fakes/lockstep-world.ts';

const portsOf = (world: LockstepWorld, overrides: Partial<RemoveDoomedPorts['removers']> = {}) => ({
  catalog: world.catalog,
  clock: world.clock,
  events: world.ports.events,
  removers: {
    snapshot: createSnapshotRemover({ ...world.ports, deploymentId: DEPLOYMENT }),
    runCommand: createRunCommandRemover({ ...world.ports, deploymentId: DEPLOYMENT }),
    guestSession: createGuestSessionRemover(world.ports),
    ...overrides,
  },
});

const failedRun = async (guest = {}): Promise<LockstepWorld> => {
  const world = await createLockstepWorld({ guest });
  await snapshotInLockstep(world.ports, world.input);
  await failPoint(world.ports, { ...world.input, errorCode: 'X', message: 'y' });
  return world;
};

const isEmpty = (world: LockstepWorld): boolean =>
  world.snapshots.taken.size + world.guest.commands.size + world.channel.sessions.size === 0;

const doomSnapshot = async (world: LockstepWorld, change: Partial<MadeResource> = {}) => {
  const made = {
    runId: world.input.runId,
    kind: 'snapshot' as const,
    resourceId: world.snapshots.idOf('foreign'),
    sinceUtc: world.clock.now().toISOString(),
    reason: 'test',
    ...change,
  };
  await world.catalog.doom(made);
  return made;
};

describe('removeDoomed', () => {
  it('leaves nothing of a failed run', async () => {
    const world = await failedRun();
    expect(await removeDoomed(portsOf(world))).toEqual({
      ok: true,
      value: { removed: 6, left: 0 },
    });
    expect(isEmpty(world)).toBe(true);
    expect(await world.catalog.listDoomed()).toHaveLength(0);
  });

  it('lets what cannot be removed hold up nothing else', async () => {
    const world = await createLockstepWorld();
    const tried: string[] = [];
    const ports = portsOf(world, {
      snapshot: async ({ resourceId }) => {
        tried.push(resourceId);
        await world.clock.sleep(60_000);
        return resourceId.endsWith('stuck')
          ? { state: 'later', reason: 'locked' }
          : { state: 'gone' };
      },
    });
    for (let number = 0; number < 60; number += 1) {
      await doomSnapshot(world, { resourceId: world.snapshots.idOf(`${number}-stuck`) });
      await world.clock.sleep(1_000);
    }
    await doomSnapshot(world, { resourceId: world.snapshots.idOf('youngest') });

    // As many calls as reach every row once.
    for (let calls = 0; calls < 20; calls += 1) await removeDoomed(ports);

    expect(tried.filter((id) => id.endsWith('youngest'))).toHaveLength(1);
    expect(await world.catalog.listDoomed()).toHaveLength(60);
  });

  it('keeps command and session while a guest may be frozen, and removes them later', async () => {
    const world = await failedRun({
      garble: (type: string, line: string) => (type === 'thawed' ? 'x\n' : line),
      ownDeadlineMs: 30_000,
      neverDone: true,
    });
    for (const command of world.guest.commands.values()) command.ended = false;
    await removeDoomed(portsOf(world));
    expect(world.guest.commands.size).toBe(1);
    expect(world.channel.sessions.size).toBe(1);
    await world.clock.sleep(91_000);
    await removeDoomed(portsOf(world));
    expect(isEmpty(world)).toBe(true);
  });

  it('never deletes what bears another deployment’s tag or lies in another group', async () => {
    const world = await createLockstepWorld();
    const order = { name: 'foreign', diskId: '/disks/d', region: 'westeurope' };
    await world.snapshots.begin({ ...order, tags: { [TAGS.deployment]: 'somebody-else' } });
    await doomSnapshot(world);
    await doomSnapshot(world, {
      resourceId: world.snapshots.idOf('foreign').replace('rg-snapshots', 'rg-other'),
    });
    await world.clock.sleep(600_000);
    expect(await removeDoomed(portsOf(world))).toMatchObject({ value: { removed: 0, left: 2 } });
    expect(world.snapshots.taken.size).toBe(1);
    const doomed = await world.catalog.listDoomed();
    expect(doomed.map((row) => row.reason)).toEqual([
      expect.stringContaining('does not bear our tag'),
      expect.stringContaining('not in our resource group'),
    ]);
  });

  it('never deletes a snapshot that the dooming run recorded a point with', async () => {
    const world = await createLockstepWorld();
    const set = await snapshotInLockstep(world.ports, world.input);
    if (!set.ok) throw new Error(set.message);
    await recordPoint(world.ports, { ...world.input, ...set.value, targets: [] });
    for (const { snapshot } of set.value.snapshots) {
      await doomSnapshot(world, { resourceId: snapshot.snapshotId });
    }
    expect(await removeDoomed(portsOf(world))).toMatchObject({ value: { left: 0 } });
    expect(world.snapshots.taken.size).toBe(4);
    // Another run, such as one that expires the point, may.
    const [one] = set.value.snapshots;
    const runId = `expire-${world.input.vmKey}-20261124T000000Z-000000`;
    await doomSnapshot(world, { runId, resourceId: one?.snapshot.snapshotId ?? '' });
    await removeDoomed(portsOf(world));
    expect(world.snapshots.taken.size).toBe(3);
  });

  it('waits for a request that may still arrive before it forgets what is not there', async () => {
    const world = await createLockstepWorld();
    await doomSnapshot(world, { resourceId: world.snapshots.idOf('late') });
    expect(await removeDoomed(portsOf(world))).toMatchObject({ value: { removed: 0, left: 1 } });
    const tags = { [TAGS.deployment]: DEPLOYMENT };
    await world.snapshots.begin({ name: 'late', diskId: '/disks/d', region: 'westeurope', tags });
    expect(await removeDoomed(portsOf(world))).toMatchObject({ value: { removed: 1, left: 0 } });
    expect(world.snapshots.taken.size).toBe(0);
  });

  it('keeps what could not be removed, with the last reason and the first date', async () => {
    const world = await createLockstepWorld();
    const made = await doomSnapshot(world);
    for (const text of ['first trouble', 'second trouble']) {
      await world.clock.sleep(60_000);
      const failing = portsOf(world, {
        snapshot: async () => {
          throw new Error(text);
        },
      });
      expect(await removeDoomed(failing)).toMatchObject({ value: { removed: 0, left: 1 } });
    }
    expect(await world.catalog.listDoomed()).toEqual([
      { ...made, state: 'doomed', reason: 'test | last try: second trouble' },
    ]);
  });

  it('reports a kind that nothing can remove', async () => {
    const world = await createLockstepWorld();
    await doomSnapshot(world, { kind: 'nic', resourceId: '/nics/n' });
    await removeDoomed(portsOf(world));
    const [row] = await world.catalog.listDoomed();
    expect(row?.reason).toContain('nothing here can remove a nic');
    expect(world.events.map((event) => event.name)).toContain('DoomedNotRemoved');
  });

  it('removes a grant before the snapshot that it holds', async () => {
    const world = await createLockstepWorld();
    const order: string[] = [];
    for (const kind of ['snapshot', 'sasGrant', 'disk', 'vm', 'nic', 'scratchBlob'] as const) {
      await doomSnapshot(world, { kind, resourceId: `/${kind}` });
    }
    const note = async (made: MadeResource) => {
      order.push(made.kind);
      return { state: 'gone' as const };
    };
    const kinds = {
      snapshot: note,
      sasGrant: note,
      disk: note,
      vm: note,
      nic: note,
      scratchBlob: note,
    };
    await removeDoomed(portsOf(world, kinds));
    const precedes = (a: string, b: string) => order.indexOf(a) < order.indexOf(b);
    expect(order).toHaveLength(6);
    expect([
      precedes('sasGrant', 'snapshot'),
      precedes('vm', 'nic'),
      precedes('vm', 'disk'),
    ]).toEqual([true, true, true]);
  });
});
