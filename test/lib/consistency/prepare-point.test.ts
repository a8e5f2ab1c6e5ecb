import { describe, expect, it } from 'vitest';
import { POINT_ID_PATTERN, vmKeyOf } from '../../../lib/catalog/identifiers.ts';
import { preparePoint } from '../../../lib/consistency/prepare-point.ts';
import type { VmReading } from '../../../lib/ports/vm-inventory.ts';
import {
  createUnpreparedWorld,
  PREPARE_INPUT,
  REQUEST,
  RUN_ID,
} from '../../fakes/lockstep-world.ts';
import { sampleReading } from '../../fakes/memory-vm-inventory.ts';
import {
  SAMPLE_VM_ID,
  SAMPLE_VM_KEY,
  sampleConfiguration,
  sampleDisks,
} from '../../fakes/sample-point.ts';

describe('preparePoint', () => {
  it('locks the VM and writes a preparing point with the configuration', async () => {
    const world = await createUnpreparedWorld();
    const outcome = await preparePoint(world.ports, PREPARE_INPUT);
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
    const world = await createUnpreparedWorld();
    const first = await preparePoint(world.ports, PREPARE_INPUT);
    await world.clock.sleep(5_000);
    const second = await preparePoint(world.ports, PREPARE_INPUT);
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
    const world = await createUnpreparedWorld();
    world.vms.put(SAMPLE_VM_ID, sampleReading(change));
    const outcome = await preparePoint(world.ports, PREPARE_INPUT);
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
    const world = await createUnpreparedWorld();
    world.vms.put(
      SAMPLE_VM_ID,
      sampleReading({ powerState: 'deallocated', agentState: 'notReady' }),
    );
    const requested = { ...REQUEST, provider: 'crash', label: 'uncoordinated' } as const;
    expect((await preparePoint(world.ports, { ...PREPARE_INPUT, requested })).ok).toBe(true);
  });

  it('refuses an unknown VM, a replaced VM, a locked VM, a bad deadline and a bad run id', async () => {
    const world = await createUnpreparedWorld();
    const code = async (change: object): Promise<string> => {
      const outcome = await preparePoint(world.ports, { ...PREPARE_INPUT, ...change });
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
