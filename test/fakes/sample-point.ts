import { diskKeyOf, pointIdOf, vmKeyOf } from '../../lib/catalog/identifiers.ts';
import type { Manifest } from '../../lib/catalog/manifest.ts';
import type { PointCopy } from '../../lib/catalog/point-copy.ts';
import type { PointDisk, RestorePoint } from '../../lib/catalog/restore-point.ts';
import { chainBlobPath } from '../../lib/catalog/storage-layout.ts';
import type {
  CapturedDisk,
  CapturedNic,
  VmConfiguration,
} from '../../lib/catalog/vm-configuration.ts';

const SUBSCRIPTION = '/subscriptions/00000000-0000-0000-0000-000000000001';
const GROUP = `${SUBSCRIPTION}/resourceGroups/rg-app`;

export const SAMPLE_VM_ID = `${GROUP}/providers/Microsoft.Compute/virtualMachines/db-1`;
export const SAMPLE_VM_UNIQUE_ID = '5c1f3a52-63a5-4d44-9c63-0b1c2a7a1e01';
export const SAMPLE_SUBNET_ID = `${GROUP}/providers/Microsoft.Network/virtualNetworks/net-west/subnets/apps`;
export const SAMPLE_VM_KEY = vmKeyOf(SAMPLE_VM_ID, SAMPLE_VM_UNIQUE_ID);

const MIB = 1024 * 1024;

/** One OS disk (lun -1) and data disks on LUN 0, 1, …; each 64 MiB. */
export const sampleDisks = (dataDisks = 3): CapturedDisk[] =>
  Array.from({ length: dataDisks + 1 }, (_, index) => {
    const name = index === 0 ? 'db-1-os' : `db-1-data-${index - 1}`;
    return {
      diskId: `${GROUP}/providers/Microsoft.Compute/disks/${name}`,
      diskUniqueId: `0f0f0f0f-0000-4000-8000-00000000000${index}`,
      name,
      lun: index - 1,
      sizeBytes: 64 * MIB,
      sku: index === 0 ? 'StandardSSD_LRS' : 'Premium_LRS',
      caching: index === 0 ? 'ReadWrite' : index === 1 ? 'ReadOnly' : 'None',
      writeAcceleratorEnabled: false,
      deleteOption: index === 0 ? 'Delete' : 'Detach',
      zones: [],
      ...(index === 0 ? { osType: 'Linux' as const, hyperVGeneration: 'V2' } : {}),
      tags: { tier: index === 0 ? 'os' : 'data' },
    };
  });

export const sampleNic = (overrides: Partial<CapturedNic> = {}): CapturedNic => ({
  nicId: `${GROUP}/providers/Microsoft.Network/networkInterfaces/db-1-nic`,
  name: 'db-1-nic',
  primary: true,
  deleteOption: 'Delete',
  acceleratedNetworking: true,
  ipForwarding: false,
  dnsServers: [],
  ipConfigurations: [
    {
      name: 'ipconfig1',
      primary: true,
      subnetId: SAMPLE_SUBNET_ID,
      privateIpAddress: '10.1.0.4',
      privateIpAllocation: 'Dynamic',
    },
  ],
  tags: { tier: 'network' },
  ...overrides,
});

export const sampleConfiguration = (overrides: Partial<VmConfiguration> = {}): VmConfiguration => ({
  vmId: SAMPLE_VM_ID,
  vmUniqueId: SAMPLE_VM_UNIQUE_ID,
  name: 'db-1',
  resourceGroup: 'rg-app',
  region: 'westeurope',
  size: 'Standard_D4s_v5',
  zones: [],
  tags: { env: 'prod', owner: 'data' },
  osType: 'Linux',
  extensions: [],
  disks: sampleDisks(),
  nics: [sampleNic()],
  raw: { vm: {}, disks: [], nics: [] },
  ...overrides,
});

/** A recorded point of `db-1` with four disks; `sequence` makes ids and times differ by an hour. */
export const samplePoint = (overrides: Partial<RestorePoint> = {}, sequence = 0): RestorePoint => {
  const configuration = overrides.configuration ?? sampleConfiguration();
  const at = new Date(Date.UTC(2026, 10, 23, 18 + sequence, 15, 1));
  const pointId =
    overrides.pointId ?? pointIdOf(at, (0x1a2b3c4d + sequence).toString(16).padStart(8, '0'));
  const disks = configuration.disks.map((disk): PointDisk => {
    const diskKey = diskKeyOf(disk.diskId);
    const name = `ls-${diskKey}-${pointId.slice(2)}-0a1b2c`;
    return {
      diskKey,
      lun: disk.lun,
      diskId: disk.diskId,
      diskUniqueId: disk.diskUniqueId,
      name: disk.name,
      sizeBytes: disk.sizeBytes,
      snapshot: {
        snapshotId: `${SUBSCRIPTION}/resourceGroups/rg-snapshots/providers/Microsoft.Compute/snapshots/${name}`,
        name,
        uniqueId: `1a1a1a1a-0000-4000-8000-0000000000${String(10 + disk.lun)}`,
        familyId: `2b2b2b2b-0000-4000-8000-0000000000${String(10 + disk.lun)}`,
        timeCreatedUtc: at.toISOString(),
      },
    };
  });
  return {
    formatVersion: 1,
    pointId,
    vmKey: SAMPLE_VM_KEY,
    vmId: configuration.vmId,
    vmName: configuration.name,
    region: configuration.region,
    deploymentId: 'lockstep-test',
    runId: `protect-${SAMPLE_VM_KEY}-20261123T181501Z-1a2b3c`,
    state: 'recorded',
    requested: { provider: 'lockstep', label: 'fileSystem', freezeDeadlineMs: 10_000 },
    createdAtUtc: at.toISOString(),
    recordedAtUtc: new Date(at.getTime() + 20_000).toISOString(),
    verdict: {
      provider: 'lockstep',
      requested: 'fileSystem',
      achieved: 'fileSystem',
      reasons: ['All file systems were frozen while every snapshot was taken.'],
      evidence: [{ order: 1, what: 'frozenRead', atUtc: at.toISOString() }],
      freezeHeldMs: 1200,
      slowestSnapshotMs: 1100,
    },
    configuration,
    disks,
    ...overrides,
  };
};

export const sampleCopy = (overrides: Partial<PointCopy> = {}): PointCopy => ({
  formatVersion: 1,
  vmKey: SAMPLE_VM_KEY,
  pointId: samplePoint().pointId,
  copy: 'primary',
  state: 'sealed',
  updatedAtUtc: '2026-11-23T18:15:21.000Z',
  ...overrides,
});

/** The manifest of a sealed replica of `point`; digests are of empty disks. */
export const sampleManifest = (
  point: RestorePoint = samplePoint(),
  target = 'paired',
): Manifest => ({
  formatVersion: 1,
  kind: 'lockstep-manifest',
  target,
  sealedAtUtc: '2026-11-23T18:20:00.000Z',
  point,
  disks: point.disks.map((disk) => {
    const chainId = `c-${disk.diskKey.slice(0, 8)}`;
    return {
      diskKey: disk.diskKey,
      lun: disk.lun,
      sizeBytes: disk.sizeBytes,
      chainId,
      blobPath: chainBlobPath(point.vmKey, disk.diskKey, chainId),
      blobSnapshot: '2026-11-23T18:19:00.1234567Z',
      etagAtSeal: '"0x8DC0000000000"',
      kind: 'base' as const,
      baseReason: 'firstCopy',
      mover: 'streamed' as const,
      source: {
        snapshotId: disk.snapshot?.snapshotId ?? '/gone',
        uniqueId: disk.snapshot?.uniqueId ?? 'gone',
        familyId: disk.snapshot?.familyId ?? 'gone',
        timeCreatedUtc: disk.snapshot?.timeCreatedUtc ?? point.createdAtUtc,
      },
      digest: {
        algorithm: 'sum-sha256-4k' as const,
        segmentBytes: 1024 * MIB,
        segments: ['0'.repeat(64)],
      },
      proof: 'byDiff' as const,
      copiedBytes: 4096,
    };
  }),
  holds: [],
});
