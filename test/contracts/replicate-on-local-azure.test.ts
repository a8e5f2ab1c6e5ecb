import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBlobManifestStore } from '../../lib/azure/blob-manifest-store.ts';
import { createBlobReplicaStore } from '../../lib/azure/blob-replica-store.ts';
import { createDiskSasReader } from '../../lib/azure/disk-sas-reader.ts';
import { createRealClock } from '../../lib/azure/real-clock.ts';
import { createTableCopyProgress } from '../../lib/azure/table-copy-progress.ts';
import type { RestorePoint } from '../../lib/catalog/restore-point.ts';
import { type CopyPorts, DEFAULT_COPY_OPTIONS } from '../../lib/copy/copy-ports.ts';
import { addSums, ZERO_SUM } from '../../lib/digest/page-sum.ts';
import { verifyReplicaDisk } from '../../lib/verify/verify-replica-disk.ts';
import { createMemoryCatalogStore } from '../fakes/memory-catalog-store.ts';
import { sampleConfiguration, sampleCopy, samplePoint } from '../fakes/sample-point.ts';
import { silentEvents } from '../fakes/silent-events.ts';
import { replicate, runIdOf, TARGET } from '../lib/copy/copy-world.ts';
import type { PlacedScenario } from '../local-azure/control/scenario-types.ts';
import {
  createEvidenceClient,
  type EvidenceClient,
} from '../local-azure/evidence/evidence-client.ts';
import { type AzureStand, startAzureStand } from './azure-stand.ts';
import { snapshotDisks } from './snapshot-disks.ts';

const CONTAINER = 'replicas';
const MIB = 1024 ** 2;

/** Snapshots, grants and copies with the real clients on the local Azure; only the catalog is a fake. */
describe('replicating managed snapshots', () => {
  let stand: AzureStand;
  let evidence: EvidenceClient;
  let vm: PlacedScenario;
  let ports: CopyPorts;
  let accountName = '';
  const catalog = createMemoryCatalogStore();
  const taken = new Map<string, readonly string[]>();

  beforeAll(async () => {
    stand = await startAzureStand({
      seed: 'replicate',
      snapshotLatencyMs: { min: 5, max: 20 },
      operationLatencyMs: { min: 5, max: 20 },
      sendRetryAfter: false,
      maxIncrementalSnapshotsPer5Min: 0,
    });
    const { azure, clients } = stand;
    evidence = createEvidenceClient(azure.info.control);
    const disk = { sizeMiB: 48, files: { count: 4, totalMiB: 6 }, areaMiB: 2 };
    vm = await azure.control.createVm({
      name: 'db-1',
      resourceGroup: 'rg-app',
      region: 'westeurope',
      osDisk: disk,
      dataDisks: [{ ...disk, lun: 0 }],
    });
    const account = azure.info.accounts.find((one) => one.region === 'northeurope');
    if (account === undefined) throw new Error('no account in the paired region');
    accountName = account.name;
    const service = clients.blobService(account.blobEndpoint);
    await service.getContainerClient(CONTAINER).create();
    const progress = createTableCopyProgress({
      tableClient: (table) => clients.table(account.tableEndpoint, table),
    });
    await progress.prepare();
    const target = {
      name: TARGET,
      region: 'northeurope',
      replicas: createBlobReplicaStore({
        service,
        serviceOnce: clients.blobServiceOnce(account.blobEndpoint),
        container: CONTAINER,
      }),
      manifests: createBlobManifestStore({ service, container: CONTAINER }),
    };
    const clock = createRealClock();
    ports = {
      catalog,
      progress,
      snapshots: createDiskSasReader({ clients, clock }),
      targets: { names: [TARGET], find: (name) => (name === TARGET ? target : undefined) },
      clock,
      events: silentEvents,
      randomHex: (digits) => randomBytes(digits).toString('hex').slice(0, digits),
      options: { ...DEFAULT_COPY_OPTIONS, segmentBytes: 16 * MIB },
    };
  });
  afterAll(() => stand?.stop());

  /** Writes for a moment, then takes snapshots of all disks and records them as a point. */
  const takePoint = async (sequence: number): Promise<RestorePoint> => {
    await stand.guests.startWriters(vm.vmId, 400);
    const deadline = Date.now() + 10_000;
    const before = await stand.guests.journal(vm.vmId);
    while ((await stand.guests.journal(vm.vmId)).lastOrder < before.lastOrder + 100) {
      if (Date.now() > deadline) throw new Error('the writers do not write');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await stand.guests.stopWriters(vm.vmId);
    const disks = await snapshotDisks(stand, vm, sequence);
    const point: RestorePoint = {
      ...samplePoint({ configuration: sampleConfiguration() }, sequence),
      disks,
    };
    taken.set(
      point.pointId,
      disks.map((disk) => disk.snapshot?.snapshotId ?? ''),
    );
    await catalog.createPoint(point);
    await catalog.createCopy(
      sampleCopy({ pointId: point.pointId, copy: TARGET, state: 'pending' }),
    );
    return point;
  };

  /** Both digests are the local Azure's own. */
  const expectEqual = async (point: RestorePoint) => {
    const manifest = await ports.targets.find(TARGET)?.manifests.read(point);
    expect(manifest?.disks).toHaveLength(vm.disks.length);
    for (const [index, disk] of (manifest?.disks ?? []).entries()) {
      const snapshotId = taken.get(point.pointId)?.[index] ?? '';
      const copied = await evidence.imageDigest({
        account: accountName,
        container: CONTAINER,
        blob: disk.blobPath,
        snapshot: disk.blobSnapshot,
      });
      expect(copied).toEqual(await evidence.imageDigest({ snapshotId }));
      // Two implementations of one definition.
      expect(disk.digest?.segments.reduce(addSums, ZERO_SUM)).toBe(copied.digest);
    }
    return manifest;
  };

  test('a base and two increments equal the snapshots, and no grant stays open', async () => {
    const points: RestorePoint[] = [];
    for (const sequence of [0, 1, 2]) {
      const point = await takePoint(sequence);
      points.push(point);
      expect(await replicate({ ports }, runIdOf(sequence))).toEqual([point.pointId]);
      const manifest = await expectEqual(point);
      for (const disk of manifest?.disks ?? []) {
        expect(disk.kind).toBe(sequence === 0 ? 'base' : 'increment');
        expect(disk.mover).toBe('server');
        if (sequence > 0) expect(disk.copiedBytes).toBeLessThan(4 * MIB);
        else {
          const { snapshotId } = disk.source;
          const { allocatedBytes } = await evidence.allocatedBytes({ snapshotId });
          expect(disk.copiedBytes).toBeGreaterThanOrEqual(allocatedBytes);
          expect(disk.copiedBytes).toBeLessThan(allocatedBytes * 1.25);
        }
      }
    }
    // The earlier copies are what they were.
    for (const point of points) await expectEqual(point);
    const openGrants = async () =>
      (await stand.azure.control.inventory()).filter((item) => /grant/i.test(item.kind));
    expect(await openGrants()).toEqual([]);
    // The inventory would have shown one.
    const snapshotId = points[0]?.disks[0]?.snapshot?.snapshotId ?? '';
    await ports.snapshots.open(snapshotId, MIB).sourceUrl();
    expect(await openGrants()).toHaveLength(1);
    await ports.snapshots.revoke(snapshotId);
    expect(await openGrants()).toEqual([]);
    expect(await catalog.listMade(runIdOf(0))).toEqual([]);
  });

  test('a copy is verified without its source, and damage behind our back is found', async () => {
    const [point] = await catalog.listPoints();
    if (point === undefined) throw new Error('the first test made points');
    const manifest = await ports.targets.find(TARGET)?.manifests.read(point);
    const disk = manifest?.disks[0];
    if (disk === undefined) throw new Error('no manifest');
    const verify = () =>
      verifyReplicaDisk(ports, {
        target: TARGET,
        vmKey: point.vmKey,
        pointId: point.pointId,
        diskKey: disk.diskKey,
        fromOffset: 0,
      });
    await stand.azure.control.turnRegionOff('westeurope');
    try {
      expect(await verify()).toMatchObject({ ok: true, value: { nextOffset: null } });
      await stand.azure.control.damageByte({
        account: accountName,
        container: CONTAINER,
        blob: disk.blobPath,
        snapshot: disk.blobSnapshot,
        offset: 1024 + 56,
      });
      expect(await verify()).toMatchObject({ ok: false, errorCode: 'ReplicaDamaged' });
    } finally {
      await stand.azure.control.turnRegionOn('westeurope');
    }
  });

  test('where the platform does not fetch, streamed takes over and the manifest says so', async () => {
    const fault = await stand.azure.control.addFault({ operation: 'Put Page From URL', count: 0 }, {
      status: 409,
      code: 'CopySourceCannotBeIncrementalCopyBlob',
    } as never);
    try {
      const point = await takePoint(3);
      await replicate({ ports }, runIdOf(3));
      const manifest = await expectEqual(point);
      expect(manifest?.disks.map((disk) => disk.mover)).toEqual(['streamed', 'streamed']);
    } finally {
      await stand.azure.control.removeFault(fault.id);
    }
  });

  test('busy services and lost answers cost time, not correctness', async () => {
    const { control } = stand.azure;
    const point = await takePoint(4);
    for (const [match, action] of [
      [{ operation: 'Put Page From URL' }, { status: 503, code: 'ServerBusy' }],
      [{ operation: 'Put Page From URL', nth: 3 }, { resetAfter: true }],
      [{ operation: 'Put Page', method: 'PUT' }, { resetBefore: true }],
      [{ operation: 'Snapshot Blob' }, { resetAfter: true }],
      [
        { operation: 'Get Page Ranges', service: 'disk' as const },
        { status: 500, code: 'InternalError' },
      ],
      [{ operation: 'Get Blob', service: 'disk' as const, nth: 2 }, { resetAfter: true }],
      [{ operation: 'Lease Blob' }, { resetAfter: true }],
      [{ operation: 'Set Blob Metadata' }, { status: 500, code: 'InternalError' }],
    ] as const) {
      await control.addFault(match, action);
    }
    try {
      await replicate({ ports }, runIdOf(4), 5);
      const faults = await control.faults();
      expect(faults.filter((fault) => fault.hits === 0).map((fault) => fault.match)).toEqual([]);
    } finally {
      await control.clearFaults();
    }
    const manifest = await expectEqual(point);
    for (const disk of manifest?.disks ?? []) {
      const [chain] = await listChains(point, disk.diskKey);
      const ours = chain?.snapshots.filter((one) => one.stamp?.pointId === point.pointId);
      expect(ours).toHaveLength(1);
    }
  });

  const listChains = async ({ vmKey }: RestorePoint, diskKey: string) =>
    (await ports.targets.find(TARGET)?.replicas.listChains(vmKey, diskKey)) ?? [];
});
