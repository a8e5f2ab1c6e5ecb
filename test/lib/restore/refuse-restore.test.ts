import { describe, expect, it } from 'vitest';
import { prepareRestore } from '../../../lib/restore/prepare-restore.ts';
import {
  createRestoreWorld,
  listPoint,
  PAIRED_SUBNET_ID,
  RUN_ID,
  restoreOf,
} from '../../fakes/restore-world.ts';
import { SAMPLE_SUBNET_ID, sampleCopy, samplePoint } from '../../fakes/sample-point.ts';
import {
  diskId,
  idOf,
  planned,
  pointWith,
  prepare,
  refusals,
  replicaWorld,
} from './planning-cases.ts';

describe('a restore is refused', () => {
  const point = samplePoint();

  it('when the point is unknown', async () => {
    const request = restoreOf(samplePoint({}, 5));
    expect(await refusals(await replicaWorld(), request)).toEqual(['PointNotFound']);
    const latest = { vm: 'nobody', latest: true, mode: 'newVm', source: 'auto' } as const;
    expect(await refusals(await replicaWorld(), latest)).toEqual(['PointNotFound']);
  });

  it('when a VM name is ambiguous', async () => {
    const world = await replicaWorld();
    const twin = samplePoint({ vmKey: 'e'.repeat(24) }, 1);
    await listPoint(world, twin, []);
    const request = { vm: 'db-1', latest: true, mode: 'newVm', source: 'auto' } as const;
    expect(await refusals(world, request)).toEqual(['VmAmbiguous']);
  });

  it('while the point is not recorded', async () => {
    const world = createRestoreWorld();
    await world.ports.catalog.createPoint(samplePoint({ state: 'preparing' }));
    expect(await refusals(world, restoreOf(point))).toEqual(['PointNotSealed']);
  });

  it.each([
    ['pending', 'PointNotSealed'],
    ['copying', 'PointNotSealed'],
    ['damaged', 'CopyNotAvailable'],
    ['gone', 'CopyNotAvailable'],
    ['skipped', 'CopyNotAvailable'],
  ] as const)('while its only copy is %s', async (state, errorCode) => {
    const world = createRestoreWorld();
    await world.seal(point);
    await world.ports.catalog.createPoint(point);
    await world.ports.catalog.createCopy(sampleCopy({ copy: 'paired', state }));
    expect(await refusals(world, restoreOf(point))).toEqual([errorCode]);
  });

  it('when the manifest is corrupt or gone, or a blob snapshot is missing', async () => {
    const corrupt = await replicaWorld();
    corrupt.manifests.overwrite(point, '{"formatVersion":1}');
    expect(await refusals(corrupt, restoreOf(point))).toEqual(['ManifestCorrupt']);
    const lost = createRestoreWorld();
    await listPoint(lost, point, ['paired']);
    expect(await refusals(lost, restoreOf(point))).toEqual(['CopyNotAvailable']);
    const holed = createRestoreWorld();
    const manifest = await holed.seal(point);
    const disk = manifest.disks[2];
    holed.replicas.removeSnapshot(disk?.blobPath ?? '', disk?.blobSnapshot ?? '');
    await listPoint(holed, point, ['paired']);
    expect(await refusals(holed, restoreOf(point))).toEqual(['CopyNotAvailable']);
  });

  it('from a source that the point does not have', async () => {
    const world = await replicaWorld();
    expect(await refusals(world, restoreOf(point, { source: 'primary' }))).toEqual([
      'CopyNotAvailable',
    ]);
    expect(await refusals(world, restoreOf(point, { source: 'replica', target: 'other' }))).toEqual(
      ['CopyNotAvailable'],
    );
  });

  it('when snapshots of the primary are gone, but takes the replica on auto', async () => {
    const world = createRestoreWorld({ homeRegion: 'westeurope' });
    await world.seal(point);
    await listPoint(world, point, ['primary', 'paired']);
    expect(await refusals(world, restoreOf(point, { source: 'primary' }))).toEqual([
      'CopyNotAvailable',
    ]);
    const request = restoreOf(point, { overrides: { subnetId: PAIRED_SUBNET_ID } });
    const plan = await planned(world, request);
    expect(plan.origin.source).toBe('replica');
    expect(plan.sourceReason).toMatch(/passed over/);
  });

  it('when names are taken, all of them named at once', async () => {
    const world = await replicaWorld();
    world.arm.place(idOf('Microsoft.Compute/virtualMachines', 'DB-1'), 'northeurope');
    world.arm.place(diskId('db-1-os'), 'northeurope');
    world.arm.place(idOf('Microsoft.Network/networkInterfaces', 'db-1-nic'), 'northeurope');
    const plan = await prepare(world, restoreOf(point));
    expect(plan).toMatchObject({
      ok: false,
      errorCode: 'NameTaken',
      refusals: [
        { errorCode: 'NameTaken', target: idOf('Microsoft.Compute/virtualMachines', 'db-1') },
        { errorCode: 'DiskNameTaken', target: diskId('db-1-os') },
        { errorCode: 'NicNameTaken' },
      ],
    });
  });

  it.each([
    ['ResourceGroupMissing', { resourceGroup: 'rg-nowhere' }],
    ['SubnetMissing', { subnetId: `${PAIRED_SUBNET_ID}x` }],
    ['SubnetWrongRegion', { subnetId: SAMPLE_SUBNET_ID }],
    ['NameInvalid', { vmName: 'no_such-' }],
    ['NameInvalid', { diskNames: { 'db-1-os': 'a b' } }],
    ['NameInvalid', { diskNames: { 'db-1-os': 'same', 'db-1-data-0': 'same' } }],
    ['DiskUnknown', { diskNames: { nobody: 'x' } }],
  ])('with %s for overrides %j', async (errorCode, overrides) => {
    expect(await refusals(await replicaWorld(), restoreOf(point, { overrides }))).toEqual([
      errorCode,
    ]);
  });

  it('without a subnet or a group to go to', async () => {
    const world = await replicaWorld();
    const ports = { ...world.ports, defaults: { resourceGroup: 'rg-restored' } };
    const plan = { request: restoreOf(point), runId: RUN_ID, dryRun: true };
    expect(await prepareRestore(ports, plan)).toMatchObject({ errorCode: 'SubnetMissing' });
    expect(await prepareRestore({ ...ports, defaults: {} }, plan)).toMatchObject({
      errorCode: 'ResourceGroupMissing',
    });
  });

  it('when the size is not offered, or the account lies elsewhere', async () => {
    const world = await replicaWorld();
    world.arm.offersSize = false;
    expect(await refusals(world, restoreOf(point))).toEqual(['SizeNotAvailable']);
    world.arm.offersSize = true;
    for (const id of world.arm.accounts.keys()) world.arm.accounts.set(id, { region: 'eastus' });
    expect(await refusals(world, restoreOf(point))).toEqual(['RegionMismatch']);
    world.arm.accounts.clear();
    expect(await refusals(world, restoreOf(point))).toEqual(['StorageAccountMissing']);
  });

  it('for a confidential VM', async () => {
    const confidential = pointWith({ securityProfile: { securityType: 'ConfidentialVM' } });
    expect(await refusals(await replicaWorld(confidential), restoreOf(confidential))).toEqual([
      'SecurityTypeNotSupported',
    ]);
  });
});
