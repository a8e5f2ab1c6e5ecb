import { describe, expect, it } from 'vitest';
import type { RestorePoint } from '../../../lib/catalog/restore-point.ts';
import { prepareRestore } from '../../../lib/restore/prepare-restore.ts';
import type { RestorePlan } from '../../../lib/restore/restore-plan.ts';
import { createRestoreWorld, listPoint, RUN_ID, restoreOf } from '../../fakes/restore-world.ts';
import {
  SAMPLE_SUBNET_ID,
  SAMPLE_VM_ID,
  sampleCopy,
  sampleDisks,
  sampleNic,
  samplePoint,
} from '../../fakes/sample-point.ts';
import {
  diskId,
  GROUP,
  idOf,
  planned,
  pointWith,
  primaryWorld,
  refusals,
  replicaWorld,
  warnings,
} from './planning-cases.ts';

describe('a plan', () => {
  it('restores a replica in steps with reasons, names kept', async () => {
    const plan = await planned(await replicaWorld(), restoreOf(samplePoint()));
    expect(plan.origin).toEqual({
      vmKey: samplePoint().vmKey,
      pointId: samplePoint().pointId,
      source: 'replica',
      target: 'paired',
      region: 'northeurope',
    });
    expect(plan.steps.map((step) => [step.kind, step.what])).toEqual([
      ['verifyDisk', 'Read the replica of OS disk (db-1-os, 64 MiB)'],
      ['verifyDisk', 'Read the replica of data disk LUN 0 (db-1-data-0, 64 MiB)'],
      ['verifyDisk', 'Read the replica of data disk LUN 1 (db-1-data-1, 64 MiB)'],
      ['verifyDisk', 'Read the replica of data disk LUN 2 (db-1-data-2, 64 MiB)'],
      ['restoreDisk', 'Make OS disk db-1-os (StandardSSD_LRS, 64 MiB)'],
      ['restoreDisk', 'Make data disk LUN 0 db-1-data-0 (Premium_LRS, 64 MiB)'],
      ['restoreDisk', 'Make data disk LUN 1 db-1-data-1 (Premium_LRS, 64 MiB)'],
      ['restoreDisk', 'Make data disk LUN 2 db-1-data-2 (Premium_LRS, 64 MiB)'],
      ['createNic', 'Make network interface db-1-nic in subnet restored'],
      ['createVm', 'Make VM db-1 (Standard_D4s_v5) in rg-restored, northeurope'],
      ['finishRestore', 'Remove Lockstep’s tags and scratch copies, release the point'],
    ]);
    expect(plan.steps.every((step) => step.reason.length > 10)).toBe(true);
    expect(new Set(plan.steps.map((step) => step.id)).size).toBe(plan.steps.length);
    expect(plan.sourceReason).toMatch(/nearest complete copy: replica 'paired'/);
    expect(warnings(plan)).toEqual(['SameHostname']);
    const vm = plan.steps.find((step) => step.kind === 'createVm');
    expect(vm?.disks.map((disk) => disk.diskId)).toEqual(sampleDisks().map((d) => diskId(d.name)));
  });

  it('is the same each time, and small enough for a history', async () => {
    const world = await replicaWorld();
    const plan = await planned(world, restoreOf(samplePoint()));
    expect(await planned(world, restoreOf(samplePoint()))).toEqual(plan);
    expect(JSON.stringify(plan).length).toBeLessThan(20_000);
  });

  it('prefers the snapshots of its own region and verifies nothing there', async () => {
    const plan = await planned(await primaryWorld(), restoreOf(samplePoint()));
    expect(plan.origin).toMatchObject({ source: 'primary', region: 'westeurope' });
    expect(plan.steps.some((step) => step.kind === 'verifyDisk')).toBe(false);
  });

  it('needs no row of the catalog', async () => {
    const world = createRestoreWorld();
    await world.seal(samplePoint());
    const plan = await planned(world, restoreOf(samplePoint()));
    expect(plan.origin.target).toBe('paired');
  });

  it('takes the newest restorable point of a VM by key, id or name', async () => {
    const world = await replicaWorld(samplePoint({}, 0));
    const newer = samplePoint({}, 2);
    await world.seal(newer);
    await listPoint(world, newer, ['paired']);
    const unsealed = samplePoint({}, 3);
    await world.ports.catalog.createPoint(unsealed);
    await world.ports.catalog.createCopy(
      sampleCopy({ pointId: unsealed.pointId, copy: 'paired', state: 'pending' }),
    );
    for (const vm of [newer.vmKey, SAMPLE_VM_ID.toUpperCase(), 'DB-1']) {
      const request = { vm, latest: true, mode: 'newVm', source: 'auto' } as const;
      expect((await planned(world, request)).origin.pointId).toBe(newer.pointId);
    }
  });

  it('names disks and NICs after a new VM name only where theirs are taken', async () => {
    const world = await replicaWorld();
    world.arm.place(diskId('db-1-data-0'), 'northeurope');
    world.arm.place(idOf('Microsoft.Network/networkInterfaces', 'DB-1-NIC'), 'northeurope');
    const plan = await planned(
      world,
      restoreOf(samplePoint(), {
        overrides: { vmName: 'db-9', diskNames: { 'db-1-data-2': 'mine' } },
      }),
    );
    const names = plan.steps.flatMap((step) =>
      step.kind === 'restoreDisk' ? [step.diskId.split('/').at(-1)] : [],
    );
    expect(names).toEqual(['db-1-os', 'db-9-data-0', 'db-1-data-1', 'mine']);
    expect(plan.steps.find((step) => step.kind === 'createNic')?.nicId).toMatch(/db-9-nic-0$/);
    expect(plan.vmId).toBe(idOf('Microsoft.Compute/virtualMachines', 'db-9'));
  });

  it('keeps zones that the region has, drops others with a warning', async () => {
    const point = pointWith({
      zones: ['3'],
      disks: sampleDisks().map((disk, index) => ({
        ...disk,
        zones: index === 1 ? [] : ['3'],
        sku: index === 2 ? 'Premium_ZRS' : disk.sku,
      })),
    });
    const world = await replicaWorld(point);
    const zonesOf = (plan: RestorePlan) =>
      plan.steps.flatMap((step) =>
        step.kind === 'restoreDisk' || step.kind === 'createVm' ? [step.zones] : [],
      );
    expect(zonesOf(await planned(world, restoreOf(point)))).toEqual([['3'], [], [], ['3'], ['3']]);
    world.arm.zones = ['1'];
    const without = await planned(world, restoreOf(point));
    expect(zonesOf(without).flat()).toEqual([]);
    expect(warnings(without)).toContain('ZoneNotKept');
    const moved = await planned(world, restoreOf(point, { overrides: { zone: '1' } }));
    expect(zonesOf(moved)).toEqual([['1'], ['1'], [], ['1'], ['1']]);
    expect(await refusals(world, restoreOf(point, { overrides: { zone: '2' } }))).toEqual([
      'ZoneNotAvailable',
    ]);
  });

  it.each([
    ['inside the new subnet', '10.9.0.77', 'StaticAddressKept', '10.9.0.77'],
    ['outside the new subnet', '10.1.0.4', 'StaticAddressNotKept', undefined],
  ])('tells what becomes of a static address %s', async (_name, address, code, kept) => {
    const nic = sampleNic();
    const ipConfigurations = nic.ipConfigurations.map((ip) => ({
      ...ip,
      privateIpAddress: address,
      privateIpAllocation: 'Static' as const,
    }));
    const point = pointWith({ nics: [{ ...nic, ipConfigurations }] });
    const plan = await planned(await replicaWorld(point), restoreOf(point));
    expect(warnings(plan)).toContain(code);
    const step = plan.steps.find((one) => one.kind === 'createNic');
    expect(step?.addresses[0]?.staticAddress).toBe(kept);
  });

  it('leaves a static address to the original in its own subnet', async () => {
    const nic = sampleNic();
    const ipConfigurations = nic.ipConfigurations.map((ip) => ({
      ...ip,
      privateIpAllocation: 'Static' as const,
    }));
    const point = pointWith({ nics: [{ ...nic, ipConfigurations }] });
    const plan = await planned(await primaryWorld(point), restoreOf(point));
    const step = plan.steps.find((one) => one.kind === 'createNic');
    expect(step?.addresses).toEqual([
      { name: 'ipconfig1', primary: true, subnetId: SAMPLE_SUBNET_ID },
    ]);
    expect(warnings(plan)).toContain('StaticAddressNotKept');
  });

  it('keeps a security group only in its region', async () => {
    const groupId = `${GROUP}/providers/Microsoft.Network/networkSecurityGroups/nsg`;
    const point = pointWith({ nics: [sampleNic({ networkSecurityGroupId: groupId })] });
    const world = await replicaWorld(point);
    world.arm.securityGroups.set(groupId.toLowerCase(), { region: 'northeurope' });
    const groupOf = (plan: RestorePlan) =>
      plan.steps.find((one) => one.kind === 'createNic')?.networkSecurityGroupId;
    const dropped = await planned(world, restoreOf(point));
    expect(groupOf(dropped)).toBeUndefined();
    expect(warnings(dropped)).toContain('SecurityGroupNotCarriedOver');
    const home = await primaryWorld(point);
    expect(groupOf(await planned(home, restoreOf(point)))).toBeUndefined();
    home.arm.securityGroups.set(groupId.toLowerCase(), { region: 'westeurope' });
    const kept = await planned(home, restoreOf(point));
    expect(groupOf(kept)).toBe(groupId);
    expect(warnings(kept)).not.toContain('SecurityGroupNotCarriedOver');
  });

  it('asks nothing of the first region when it restores a replica elsewhere', async () => {
    const groupId = `${GROUP}/providers/Microsoft.Network/networkSecurityGroups/nsg`;
    const point = pointWith({ nics: [sampleNic({ networkSecurityGroupId: groupId })] });
    const asked: string[] = [];
    const world = await replicaWorld(point);
    const watch = <T extends object>(port: T): T =>
      new Proxy(port, {
        get: (target, name) => {
          const member: unknown = Reflect.get(target, name);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]) => {
            asked.push(JSON.stringify(args));
            return Reflect.apply(member, target, args);
          };
        },
      });
    const ports = {
      ...world.ports,
      disks: watch(world.ports.disks),
      vms: watch(world.ports.vms),
      networks: watch(world.ports.networks),
    };
    await prepareRestore(ports, { request: restoreOf(point), runId: RUN_ID, dryRun: true });
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.filter((args) => !/rg-restored|net-north/.test(args))).toEqual([]);
  });

  it('warns of everything that does not come along', async () => {
    const base = samplePoint();
    const nic = sampleNic();
    const point: RestorePoint = {
      ...pointWith({
        securityProfile: { securityType: 'TrustedLaunch' },
        identity: { type: 'SystemAssigned, UserAssigned', principalId: 'p' },
        extensions: [{ name: 'monitor' }],
        diagnosticsProfile: { bootDiagnostics: { enabled: true, storageUri: 'https://a/' } },
        disks: sampleDisks().map((disk) => ({ ...disk, diskEncryptionSetId: '/des/one' })),
        nics: [
          {
            ...nic,
            ipConfigurations: nic.ipConfigurations.map((ip) => ({ ...ip, publicIpId: '/ip/a' })),
          },
        ],
        raw: {
          vm: { properties: { availabilitySet: { id: '/avset' } } },
          disks: [],
          nics: [{ properties: { applicationSecurityGroups: [{ id: '/asg' }] } }],
        },
      }),
      verdict: { ...(base.verdict as NonNullable<typeof base.verdict>), achieved: 'crash' },
    };
    const plan = await planned(await replicaWorld(point), restoreOf(point, { verify: false }));
    expect(warnings(plan).sort()).toEqual([
      'BootDiagnosticsMoved',
      'EncryptionSetNotCarriedOver',
      'ExtensionsNotReinstalled',
      'GuestStateLost',
      'IdentityIsNew',
      'NetworkMembershipNotCarriedOver',
      'NotVerified',
      'PlacementNotCarriedOver',
      'PublicAddressNotCarriedOver',
      'SameHostname',
      'WeakConsistency',
    ]);
    expect(plan.warnings.every((one) => one.message.length > 20)).toBe(true);
  });
});
