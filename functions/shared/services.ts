import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { InvocationContext } from '@azure/functions';
import { createArmDiskStore } from '../../lib/azure/arm-disk-store.ts';
import { createArmNetworkInventory } from '../../lib/azure/arm-network-inventory.ts';
import { createArmRegionInventory } from '../../lib/azure/arm-region-inventory.ts';
import { createArmSnapshotStore } from '../../lib/azure/arm-snapshot-store.ts';
import { createArmVmBuilder } from '../../lib/azure/arm-vm-builder.ts';
import { createArmVmDirectory } from '../../lib/azure/arm-vm-directory.ts';
import { createArmVmInventory } from '../../lib/azure/arm-vm-inventory.ts';
import { type AzureClients, createAzureClients } from '../../lib/azure/azure-clients.ts';
import { createAzureCredential } from '../../lib/azure/azure-credential.ts';
import { createBlobGuestChannel } from '../../lib/azure/blob-guest-channel.ts';
import { createBlobManifestStore } from '../../lib/azure/blob-manifest-store.ts';
import { createBlobReplicaStore } from '../../lib/azure/blob-replica-store.ts';
import { createBlobScratchStore } from '../../lib/azure/blob-scratch-store.ts';
import { createDiskSasReader } from '../../lib/azure/disk-sas-reader.ts';
import { createRealClock } from '../../lib/azure/real-clock.ts';
import { createRunCommandGuest } from '../../lib/azure/run-command-guest.ts';
import { createTableCatalogStore } from '../../lib/azure/table-catalog-store.ts';
import { createTableCopyProgress } from '../../lib/azure/table-copy-progress.ts';
import type { ConsistencyPorts } from '../../lib/consistency/consistency-ports.ts';
import { type CopyPorts, DEFAULT_COPY_OPTIONS } from '../../lib/copy/copy-ports.ts';
import type { EventSink } from '../../lib/events.ts';
import type { CatalogStore } from '../../lib/ports/catalog-store.ts';
import type { VmDirectory } from '../../lib/ports/vm-directory.ts';
import {
  DEFAULT_RESTORE_OPTIONS,
  type RestorePorts,
  type RestoreTarget,
  type RestoreTargets,
} from '../../lib/restore/restore-ports.ts';
import {
  createGuestSessionRemover,
  createRunCommandRemover,
  createSnapshotRemover,
} from '../../lib/retention/doomed-removers.ts';
import type { RemoveDoomedPorts } from '../../lib/retention/remove-doomed.ts';
import type { Clock } from '../../lib/time/clock.ts';
import { DEFAULT_VERIFY_OPTIONS, type VerifyPorts } from '../../lib/verify/verify-replica-disk.ts';
import { readSettings, SettingInvalid, type Settings } from './config.ts';
import { logEventsTo } from './log-events.ts';

/** The composition root: the only place where adapters meet operations. */

/** What one invocation works with: each folder of operations has its own set of ports. */
export interface InvocationServices {
  readonly settings: Settings;
  readonly clock: Clock;
  /** To the log of this invocation. */
  readonly events: EventSink;
  /** `digits` lower-case hex digits that nobody can foresee. */
  readonly randomHex: (digits: number) => string;
  readonly catalog: CatalogStore;
  readonly directory: VmDirectory;
  readonly consistency: () => ConsistencyPorts;
  readonly copy: () => CopyPorts;
  readonly verify: () => VerifyPorts;
  readonly restore: () => RestorePorts;
  readonly expiry: () => RemoveDoomedPorts;
}

type Bind = (events: EventSink) => InvocationServices;

/** Beside the compiled sources, where the build puts it. */
const HELPER = new URL('../../lib/consistency/guest-helper.py', import.meta.url);

const randomHex = (digits: number): string =>
  randomBytes(Math.ceil(digits / 2))
    .toString('hex')
    .slice(0, digits);

function createTargets(settings: Settings, clients: AzureClients): RestoreTargets {
  const { deploymentId, replicaTargets } = settings;
  const targets = new Map(
    replicaTargets.map(({ name, region, blobEndpoint, container, storageAccountId }) => {
      const service = clients.blobService(blobEndpoint);
      const serviceOnce = clients.blobServiceOnce(blobEndpoint);
      const target: RestoreTarget = {
        name,
        region,
        storageAccountId,
        replicas: createBlobReplicaStore({ service, serviceOnce, container }),
        manifests: createBlobManifestStore({ service, container }),
        scratch: createBlobScratchStore({
          service,
          replicaContainer: container,
          storageAccountId,
          deploymentId,
        }),
      };
      return [name, target] as const;
    }),
  );
  return { names: [...targets.keys()], find: (name) => targets.get(name) };
}

/** What restoring needs besides the catalog and the targets. */
const createRestoring = (settings: Settings, clients: AzureClients) => ({
  disks: createArmDiskStore(clients),
  vms: createArmVmBuilder(clients),
  networks: createArmNetworkInventory(clients),
  regions: createArmRegionInventory(clients),
  deploymentId: settings.deploymentId,
  homeRegion: settings.homeRegion,
  defaults: {
    ...(settings.restoreResourceGroup === undefined
      ? {}
      : { resourceGroup: settings.restoreResourceGroup }),
    ...(settings.restoreSubnetId === undefined ? {} : { subnetId: settings.restoreSubnetId }),
  },
  options: DEFAULT_RESTORE_OPTIONS,
});

/** What protecting and expiring need besides the catalog: snapshots, guests, and how to delete both. */
function createGuarding(settings: Settings, clients: AzureClients, clock: Clock) {
  const { deploymentId, snapshotResourceGroup, sessionBlobEndpoint, guestTimeoutMs } = settings;
  if (snapshotResourceGroup === undefined || sessionBlobEndpoint === undefined) {
    throw new SettingInvalid(
      ['this app has neither the role protect nor the role expire'],
      'LOCKSTEP_ROLES',
    );
  }
  const snapshots = createArmSnapshotStore({ clients, resourceGroup: snapshotResourceGroup });
  const channel = createBlobGuestChannel(clients, sessionBlobEndpoint);
  const commands = createRunCommandGuest({ clients, sessionBlobEndpoint, clock });
  const vms = createArmVmInventory(clients);
  const helperSource = readFileSync(HELPER, 'utf8');
  return {
    ports: {
      ...{ vms, snapshots, channel, commands, deploymentId, helperSource },
      ...(guestTimeoutMs === undefined ? {} : { timings: { helloWaitMs: guestTimeoutMs } }),
    },
    removers: {
      snapshot: createSnapshotRemover({ snapshots, clock, deploymentId }),
      runCommand: createRunCommandRemover({ commands, clock, deploymentId }),
      guestSession: createGuestSessionRemover({ channel, clock }),
    },
  };
}

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};

/** Builds every adapter once. Makes no request, except for tables that do not exist yet. */
async function buildServices(settings: Settings): Promise<Bind> {
  const { identityClientId, hasManagedIdentity } = settings;
  const clients = createAzureClients({
    credential: createAzureCredential({
      hasManagedIdentity,
      ...(identityClientId === undefined ? {} : { clientId: identityClientId }),
    }),
    subscriptionId: settings.subscriptionId,
    armEndpoint: settings.armEndpoint,
  });
  const clock = createRealClock();
  const tableClient = (table: string) => clients.table(settings.catalogTableEndpoint, table);
  const catalog = createTableCatalogStore({ tableClient });
  const progress = createTableCopyProgress({ tableClient });
  const directory = createArmVmDirectory(clients);
  const targets = createTargets(settings, clients);
  const snapshotReader = createDiskSasReader({ clients, clock });
  const restoring = createRestoring(settings, clients);
  const guarding = once(() => createGuarding(settings, clients, clock));

  await catalog.prepare();
  if (settings.roles.includes('move')) await progress.prepare();

  return (events) => ({
    settings,
    clock,
    events,
    randomHex,
    catalog,
    directory,
    consistency: () => ({ catalog, clock, events, ...guarding().ports }),
    copy: () => ({
      catalog,
      progress,
      snapshots: snapshotReader,
      targets,
      clock,
      events,
      randomHex,
      options: { ...DEFAULT_COPY_OPTIONS, mover: settings.copyMover },
    }),
    restore: () => ({ catalog, targets, clock, events, ...restoring }),
    verify: () => ({ targets, clock, events, options: DEFAULT_VERIFY_OPTIONS }),
    expiry: () => ({
      catalog,
      clock,
      events,
      removers: {
        ...guarding().removers,
        sasGrant: async ({ resourceId }) => {
          await snapshotReader.revoke(resourceId);
          return { state: 'gone' };
        },
      },
    }),
  });
}

let ready: Promise<Bind> | undefined;

/**
 * Built on first use, so that a bad setting fails invocations instead of the whole app's load. A
 * failure is not remembered.
 */
export async function servicesFor(
  context: Pick<InvocationContext, 'info'>,
): Promise<InvocationServices> {
  ready ??= (async () => buildServices(readSettings()))();
  try {
    return (await ready)(logEventsTo(context));
  } catch (error) {
    ready = undefined;
    throw error;
  }
}
