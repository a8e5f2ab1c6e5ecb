import { randomBytes } from 'node:crypto';
import { createArmDiskStore } from '../../lib/azure/arm-disk-store.ts';
import { createArmNetworkInventory } from '../../lib/azure/arm-network-inventory.ts';
import { createArmRegionInventory } from '../../lib/azure/arm-region-inventory.ts';
import { createArmVmBuilder } from '../../lib/azure/arm-vm-builder.ts';
import { createArmVmInventory } from '../../lib/azure/arm-vm-inventory.ts';
import { createBlobManifestStore } from '../../lib/azure/blob-manifest-store.ts';
import { createBlobReplicaStore } from '../../lib/azure/blob-replica-store.ts';
import { createBlobScratchStore } from '../../lib/azure/blob-scratch-store.ts';
import { createDiskSasReader } from '../../lib/azure/disk-sas-reader.ts';
import { createRealClock } from '../../lib/azure/real-clock.ts';
import { createTableCatalogStore } from '../../lib/azure/table-catalog-store.ts';
import { createTableCopyProgress } from '../../lib/azure/table-copy-progress.ts';
import type { RestorePoint } from '../../lib/catalog/restore-point.ts';
import { SCRATCH_CONTAINER } from '../../lib/catalog/storage-layout.ts';
import type { VmConfiguration } from '../../lib/catalog/vm-configuration.ts';
import { DEFAULT_COPY_OPTIONS } from '../../lib/copy/copy-ports.ts';
import type { VmInventory } from '../../lib/ports/vm-inventory.ts';
import type { RestorePorts, RestoreTarget } from '../../lib/restore/restore-ports.ts';
import { sampleCopy, samplePoint } from '../fakes/sample-point.ts';
import { silentEvents } from '../fakes/silent-events.ts';
import { replicate, runIdOf, TARGET } from '../lib/copy/copy-world.ts';
import type { PlacedScenario } from '../local-azure/control/scenario-types.ts';
import type { StorageAccount } from '../local-azure/storage/storage-account.ts';
import { type AzureStand, startAzureStand } from './azure-stand.ts';
import { snapshotDisks } from './snapshot-disks.ts';

const CONTAINER = 'replicas';
const MIB = 1024 ** 2;

export interface RestoreStand {
  readonly stand: AzureStand;
  readonly vm: PlacedScenario;
  readonly inventory: VmInventory;
  readonly account: StorageAccount;
  /** Subnet in the paired region. */
  readonly pairedSubnetId: string;
  /** Ports of a restore app in the paired region: an empty catalog of its own. */
  readonly paired: RestorePorts;
  /** Ports of the app in the VM's region, whose catalog knows the point. */
  readonly source: RestorePorts;
  /** A recorded point with sealed snapshots and a sealed replica. */
  readonly point: RestorePoint;
  readonly configuration: VmConfiguration;
}

/** A VM with a point, replicated by the real engine, and the ports of both regions' apps. */
export const startRestoreStand = async (): Promise<RestoreStand> => {
  const stand = await startAzureStand({
    seed: 'restore',
    snapshotLatencyMs: { min: 5, max: 20 },
    operationLatencyMs: { min: 5, max: 20 },
    vmLatencyMs: { min: 20, max: 60 },
    sendRetryAfter: false,
    maxIncrementalSnapshotsPer5Min: 0,
  });
  const { azure, clients } = stand;
  const disk = { sizeMiB: 32, files: { count: 4, totalMiB: 4 }, areaMiB: 2 };
  const vm = await azure.control.createVm({
    name: 'db-1',
    resourceGroup: 'rg-app',
    region: 'westeurope',
    size: 'Standard_D4s_v5',
    tags: { env: 'prod', owner: 'data' },
    zones: ['2'],
    identity: { type: 'SystemAssigned' },
    securityType: 'TrustedLaunch',
    osDisk: { ...disk, caching: 'ReadWrite', sku: 'StandardSSD_LRS', deleteOption: 'Delete' },
    dataDisks: [
      { ...disk, lun: 0, caching: 'ReadOnly', tags: { tier: 'data' } },
      { ...disk, lun: 7, caching: 'None', deleteOption: 'Detach' },
    ],
    publicIp: true,
  });
  const { subnetId: pairedSubnetId } = await azure.control.createNetwork({
    name: 'restored',
    resourceGroup: 'rg-restored',
    region: 'northeurope',
  });
  const { subnetId: hereSubnetId } = await azure.control.createNetwork({
    name: 'restored-here',
    resourceGroup: 'rg-restored-here',
    region: 'westeurope',
  });
  const account = azure.info.accounts.find((one) => one.region === 'northeurope');
  const home = azure.info.accounts.find((one) => one.region === 'westeurope');
  if (account === undefined || home === undefined) throw new Error('an account in each region');
  const service = clients.blobService(account.blobEndpoint);
  await service.getContainerClient(CONTAINER).create();
  await service.getContainerClient(SCRATCH_CONTAINER).create();
  const accounts = clients.resources.resources.list({
    filter: `resourceType eq 'Microsoft.Storage/storageAccounts' and name eq '${account.name}'`,
  });
  let storageAccountId = '';
  for await (const found of accounts) storageAccountId = found.id ?? '';

  const target: RestoreTarget = {
    name: TARGET,
    region: 'northeurope',
    storageAccountId,
    replicas: createBlobReplicaStore({
      service,
      serviceOnce: clients.blobServiceOnce(account.blobEndpoint),
      container: CONTAINER,
    }),
    manifests: createBlobManifestStore({ service, container: CONTAINER }),
    scratch: createBlobScratchStore({
      service,
      replicaContainer: CONTAINER,
      storageAccountId,
      deploymentId: 'lockstep-test',
    }),
  };
  const targets = {
    names: [TARGET],
    find: (name: string) => (name === TARGET ? target : undefined),
  };
  const clock = createRealClock();
  const portsOf = async (
    tables: StorageAccount,
    homeRegion: string,
    defaults: RestorePorts['defaults'],
  ): Promise<RestorePorts> => {
    const catalog = createTableCatalogStore({
      tableClient: (table) => clients.table(tables.tableEndpoint, table),
    });
    await catalog.prepare();
    return {
      catalog,
      targets,
      disks: createArmDiskStore(clients, { pollIntervalMs: 20 }),
      vms: createArmVmBuilder(clients, { pollIntervalMs: 20 }),
      networks: createArmNetworkInventory(clients),
      regions: createArmRegionInventory(clients),
      clock,
      events: silentEvents,
      deploymentId: 'lockstep-test',
      homeRegion,
      defaults,
      options: { timeBudgetMs: 20_000, pollIntervalMs: 20 },
    };
  };
  const source = await portsOf(home, 'westeurope', {
    resourceGroup: 'rg-restored-here',
    subnetId: hereSubnetId,
  });
  const paired = await portsOf(account, 'northeurope', {
    resourceGroup: 'rg-restored',
    subnetId: pairedSubnetId,
  });

  const inventory = createArmVmInventory(clients);
  const reading = await inventory.readVm(vm.vmId);
  if (reading === undefined) throw new Error('the VM was just made');
  const { configuration } = reading;
  const point: RestorePoint = {
    ...samplePoint({ configuration }),
    disks: await snapshotDisks(stand, vm, 0),
  };
  const { catalog } = source;
  await catalog.createPoint(point);
  await catalog.createCopy(sampleCopy({ pointId: point.pointId, copy: 'primary' }));
  await catalog.createCopy(sampleCopy({ pointId: point.pointId, copy: TARGET, state: 'pending' }));
  const progress = createTableCopyProgress({
    tableClient: (table) => clients.table(home.tableEndpoint, table),
  });
  await progress.prepare();
  const copyPorts = {
    catalog,
    progress,
    snapshots: createDiskSasReader({ clients, clock }),
    targets,
    clock,
    events: silentEvents,
    randomHex: (digits: number) => randomBytes(digits).toString('hex').slice(0, digits),
    options: { ...DEFAULT_COPY_OPTIONS, segmentBytes: 16 * MIB },
  };
  await replicate({ ports: copyPorts }, runIdOf(0));
  return { stand, vm, inventory, account, pairedSubnetId, paired, source, point, configuration };
};
