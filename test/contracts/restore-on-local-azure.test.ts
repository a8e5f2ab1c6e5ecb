import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manifestPath } from '../../lib/catalog/storage-layout.ts';
import type { VmConfiguration } from '../../lib/catalog/vm-configuration.ts';
import type { Outcome } from '../../lib/outcome.ts';
import { prepareRestore } from '../../lib/restore/prepare-restore.ts';
import { rebuildCatalog } from '../../lib/restore/rebuild-catalog.ts';
import type { RestorePlan } from '../../lib/restore/restore-plan.ts';
import type { RestorePorts } from '../../lib/restore/restore-ports.ts';
import type { RestoreRequest } from '../../lib/restore/restore-request.ts';
import { undoRestore } from '../../lib/restore/undo-restore.ts';
import { RUN_ID, restoreOf, runPlan } from '../fakes/restore-world.ts';
import {
  createEvidenceClient,
  type EvidenceClient,
} from '../local-azure/evidence/evidence-client.ts';
import type { FaultAction, FaultMatch } from '../local-azure/front/faults.ts';
import { comparable, underFault } from './restore-checks.ts';
import { type RestoreStand, startRestoreStand } from './restore-stand.ts';

/** Restores with the real clients on the local Azure: nothing is a fake. */
describe('restoring on the local Azure', () => {
  let world: RestoreStand;
  let evidence: EvidenceClient;
  let baselines = 0;

  beforeAll(async () => {
    world = await startRestoreStand();
    evidence = createEvidenceClient(world.stand.azure.info.control);
  });
  afterAll(() => world?.stand.stop());

  const control = () => world.stand.azure.control;
  const takeBaseline = async (): Promise<string> => {
    baselines += 1;
    await control().takeBaseline(`baseline-${baselines}`);
    return `baseline-${baselines}`;
  };
  /** What came and went since, as `type name` or `container/blob`. */
  const changesSince = async (baseline: string) => {
    const { added, removed } = await control().differenceSince(baseline);
    return { added: added.map((item) => item.name).sort(), removed: removed.map((i) => i.name) };
  };
  const prepared = async (
    ports: RestorePorts,
    overrides: Partial<RestoreRequest> = {},
  ): Promise<RestorePlan> => {
    const request = restoreOf(world.point, overrides);
    const plan = await prepareRestore(ports, { request, runId: RUN_ID, dryRun: false });
    if (!plan.ok) throw new Error(`${plan.errorCode}: ${plan.message}`);
    return plan.value;
  };
  const configurationOf = async (vmId: string): Promise<VmConfiguration> => {
    const reading = await world.inventory.readVm(vmId);
    if (reading === undefined) throw new Error(`no ${vmId}`);
    expect(reading.powerState).toBe('running');
    return reading.configuration;
  };
  const expectSameDisks = async (configuration: VmConfiguration): Promise<void> => {
    for (const disk of world.point.disks) {
      const restored = configuration.disks.find((one) => one.lun === disk.lun);
      const found = await evidence.imageDigest({ diskId: restored?.diskId ?? '' });
      const snapshotId = disk.snapshot?.snapshotId ?? '';
      expect(found).toEqual(await evidence.imageDigest({ snapshotId }));
    }
  };
  const withFault = <T>(
    match: FaultMatch,
    action: FaultAction,
    act: () => Promise<T>,
  ): Promise<T> => underFault(control(), match, action, act);
  const removeRestored = async (ports: RestorePorts, plan: RestorePlan): Promise<void> => {
    await ports.vms.removeVm(plan.vmId);
    for (const step of plan.steps) {
      if (step.kind === 'createNic') await ports.vms.removeNic(step.nicId);
      if (step.kind === 'restoreDisk') await ports.disks.removeDisk(step.diskId);
    }
  };

  test('from the replica alone, while the first region is off with everything in it', async () => {
    await control().turnRegionOff('westeurope');
    let plan: RestorePlan;
    try {
      expect(await rebuildCatalog(world.paired, {})).toMatchObject({
        ok: true,
        value: { points: 1, added: 1, notListed: [] },
      });
      const baseline = await takeBaseline();
      plan = await prepared(world.paired);
      expect(plan.origin).toMatchObject({ source: 'replica', region: 'northeurope' });
      expect([...new Set(plan.warnings.map((one) => one.code))].sort()).toEqual([
        'GuestStateLost',
        'IdentityIsNew',
        'PublicAddressNotCarriedOver',
        'SameHostname',
        'SecurityGroupNotCarriedOver',
      ]);
      expect(await runPlan(world.paired, plan)).toEqual({ ok: true, value: { vmId: plan.vmId } });
      const restored = await configurationOf(plan.vmId);
      expect(comparable(restored)).toEqual(comparable(world.configuration));
      await expectSameDisks(restored);
      const changes = await changesSince(baseline);
      expect(changes).toEqual({
        removed: [],
        added: [
          'Microsoft.Compute/disks db-1-data-0',
          'Microsoft.Compute/disks db-1-data-7',
          'Microsoft.Compute/disks db-1-os',
          'Microsoft.Compute/virtualMachines db-1',
          'Microsoft.Network/networkInterfaces db-1-nic',
        ],
      });
      expect(await world.paired.catalog.listMade(RUN_ID)).toEqual([]);
    } finally {
      await control().turnRegionOn('westeurope');
    }
    const taken = await prepareRestore(world.paired, {
      request: restoreOf(world.point),
      runId: RUN_ID,
      dryRun: true,
    });
    expect(taken).toMatchObject({ ok: false, errorCode: 'NameTaken' });
    await removeRestored(world.paired, plan);
  });

  test('from the snapshots, beside the original', async () => {
    const plan = await prepared(world.source);
    expect(plan.origin).toMatchObject({ source: 'primary', region: 'westeurope' });
    expect(await runPlan(world.source, plan)).toEqual({ ok: true, value: { vmId: plan.vmId } });
    const restored = await configurationOf(plan.vmId);
    expect(comparable(restored)).toEqual(comparable(world.configuration));
    // In its own region the security group comes along.
    expect(restored.nics[0]?.networkSecurityGroupId).toBe(
      world.configuration.nics[0]?.networkSecurityGroupId,
    );
    await expectSameDisks(restored);
    await removeRestored(world.source, plan);
  });

  test('undoes everything when Azure refuses the VM, and says its words', async () => {
    const baseline = await takeBaseline();
    const plan = await prepared(world.paired, { source: 'replica' });
    const refusal = await withFault(
      { service: 'arm', operation: 'virtualMachines.createOrUpdate' },
      { status: 409, code: 'OperationNotAllowed', message: 'Quota of cores exceeded.' },
      () => runPlan(world.paired, plan),
    );
    expect(refusal).toMatchObject({
      ok: false,
      errorCode: 'VmRefused',
      message: expect.stringContaining('Quota of cores exceeded'),
    });
    const undone = await undoRestore(world.paired, { runId: RUN_ID, origin: plan.origin });
    expect(undone).toMatchObject({ ok: true, value: { left: [] } });
    expect(await changesSince(baseline)).toEqual({ added: [], removed: [] });
  });

  test('undoes everything when the platform fails a disk half way', async () => {
    const baseline = await takeBaseline();
    const plan = await prepared(world.paired, { source: 'replica' });
    const refusal = await withFault(
      { service: 'arm', operation: 'disks.createOrUpdate', nth: 2 },
      { asyncFailure: { code: 'InvalidParameter', message: 'The source blob is no VHD.' } },
      () => runPlan(world.paired, plan),
    );
    expect(refusal).toMatchObject({
      ok: false,
      errorCode: 'DiskRefused',
      message: expect.stringContaining('no VHD'),
    });
    await undoRestore(world.paired, { runId: RUN_ID, origin: plan.origin });
    expect(await changesSince(baseline)).toEqual({ added: [], removed: [] });
  });

  test('names what could not be removed, and removes it the next time', async () => {
    const baseline = await takeBaseline();
    const plan = await prepared(world.paired, { source: 'replica' });
    const step = plan.steps.find((one) => one.kind === 'restoreDisk');
    const diskId = step?.kind === 'restoreDisk' ? step.diskId : '';
    const refusal = await withFault(
      { service: 'arm', operation: 'networkInterfaces.createOrUpdate' },
      { status: 400, code: 'SubnetIsFull', message: 'The subnet has no address left.' },
      () => runPlan(world.paired, plan),
    );
    expect(refusal).toMatchObject({ ok: false, errorCode: 'NicRefused' });
    await control().setLock(diskId, true);
    const first = await undoRestore(world.paired, { runId: RUN_ID, origin: plan.origin });
    expect(first).toMatchObject({
      ok: true,
      value: { left: [{ resourceId: diskId, reason: expect.stringContaining('ScopeLocked') }] },
    });
    await control().setLock(diskId, false);
    const second = await undoRestore(world.paired, { runId: RUN_ID, origin: plan.origin });
    expect(second).toMatchObject({ ok: true, value: { removed: 1, left: [] } });
    expect(await changesSince(baseline)).toEqual({ added: [], removed: [] });
  });

  test('finds its own things again when answers are lost', async () => {
    const plan = await prepared(world.paired, { source: 'replica' });
    const again = async <T>(step: () => Promise<Outcome<T>>): Promise<Outcome<T>> => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await step();
        } catch (error) {
          if (attempt === 4) throw error;
        }
      }
    };
    const restore = async () => {
      let run = () => runPlan(world.paired, plan, again);
      for (const match of [
        { service: 'arm', operation: 'disks.createOrUpdate' },
        { service: 'arm', operation: 'virtualMachines.createOrUpdate' },
        { service: 'arm', operation: 'networkInterfaces.createOrUpdate' },
        { service: 'blob', operation: 'Copy Blob' },
      ] as const) {
        const inner = run;
        run = () => withFault(match, { resetAfter: true }, inner);
      }
      return run();
    };
    expect(await restore()).toMatchObject({ ok: true });
    const restored = await configurationOf(plan.vmId);
    expect(comparable(restored)).toEqual(comparable(world.configuration));
    await expectSameDisks(restored);
    await removeRestored(world.paired, plan);
  });

  test('reports a corrupt manifest and a point without its snapshots, and lists the rest', async () => {
    const service = world.stand.clients.blobService(world.account.blobEndpoint);
    const container = service.getContainerClient('replicas');
    const sealed = manifestPath(world.point.vmKey, world.point.pointId);
    const text = (await container.getBlobClient(sealed).downloadToBuffer()).toString();
    const put = async (pointId: string, body: string): Promise<string> => {
      const path = manifestPath(world.point.vmKey, pointId);
      await container.getBlockBlobClient(path).upload(body, Buffer.byteLength(body));
      return path;
    };
    const corrupt = await put('p-20260101T000000Z-00000001', text.slice(0, 900));
    const other = 'p-20260101T000000Z-00000002';
    const holed = await put(other, text.replaceAll(world.point.pointId, other));
    await put('p-20260101T000000Z-00000003', text);
    const rebuilt = await rebuildCatalog(world.paired, {});
    if (!rebuilt.ok) throw new Error(rebuilt.message);
    expect(rebuilt.value).toMatchObject({ points: 1, added: 0 });
    expect(rebuilt.value.notListed).toHaveLength(3);
    expect(rebuilt.value.notListed).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ path: corrupt, errorCode: 'ManifestCorrupt' }),
        // The blob snapshots that it names were taken for another point.
        expect.objectContaining({ path: holed, errorCode: 'BlobSnapshotMissing' }),
        expect.objectContaining({ errorCode: 'ManifestCorrupt' }),
      ]),
    );
    const points = await world.paired.catalog.listPoints();
    expect(points.map((point) => point.pointId)).toEqual([world.point.pointId]);
  });

  test('looks at regions and networks, and knows what is missing from what cannot be asked', async () => {
    const { regions, networks } = world.paired;
    expect(await regions.listZones('northeurope')).toEqual(['1', '2', '3']);
    expect(await regions.listZones('nowhere')).toBeUndefined();
    expect(await regions.hasResourceGroup('RG-Restored')).toBe(true);
    expect(await regions.hasResourceGroup('rg-nowhere')).toBe(false);
    const accountId = world.paired.targets.find('paired')?.storageAccountId ?? '';
    expect(await regions.findStorageAccount(accountId)).toEqual({ region: 'northeurope' });
    expect(await regions.findStorageAccount(`${accountId}x`)).toBeUndefined();
    const subnet = await networks.findSubnet(world.pairedSubnetId.toUpperCase());
    expect(subnet).toMatchObject({ region: 'northeurope', addressPrefixes: ['10.1.0.0/24'] });
    expect(['10.1.0.9', '10.2.0.9', 'fd00::1', 'x'].map((one) => subnet?.contains(one))).toEqual([
      ...[true, false, false, false],
    ]);
    expect(await networks.findSubnet(`${world.pairedSubnetId}x`)).toBeUndefined();
    const diskId = `${regions.resourceGroupId('rg-restored')}/providers/Microsoft.Compute/disks/none`;
    expect(await world.paired.disks.findDisk(diskId)).toBeUndefined();
    await world.paired.disks.removeDisk(diskId);
    const throttled = withFault(
      { service: 'arm', operation: 'disks.get', count: 0 },
      { status: 429, code: 'OperationNotAllowed', headers: { 'retry-after': '77' } },
      () => world.paired.disks.findDisk(diskId),
    );
    await expect(throttled).rejects.toMatchObject({ errorCode: 'Throttled', retryAfterMs: 77_000 });
  });
});
