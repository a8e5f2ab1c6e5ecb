import { isInPrefixes } from '../../lib/azure/address-prefixes.ts';
import type { Manifest } from '../../lib/catalog/manifest.ts';
import type { RestorePoint } from '../../lib/catalog/restore-point.ts';
import type { Outcome } from '../../lib/outcome.ts';
import { createNic } from '../../lib/restore/create-nic.ts';
import { createVm } from '../../lib/restore/create-vm.ts';
import { finishRestore } from '../../lib/restore/finish-restore.ts';
import { restoreDisk } from '../../lib/restore/restore-disk.ts';
import type { RestorePlan } from '../../lib/restore/restore-plan.ts';
import type { RestorePorts, RestoreTarget, StepResult } from '../../lib/restore/restore-ports.ts';
import type { RestoreRequest } from '../../lib/restore/restore-request.ts';
import { type FaultHooks, injectFaults } from './inject-faults.ts';
import { createMemoryArm, type MemoryArm } from './memory-arm.ts';
import { createMemoryCatalogStore } from './memory-catalog-store.ts';
import { createMemoryManifests, type MemoryManifests } from './memory-manifests.ts';
import { createMemoryReplicas, type MemoryReplicas } from './memory-replicas.ts';
import { createMemoryScratch, type MemoryScratch } from './memory-scratch.ts';
import { SAMPLE_SUBNET_ID, SAMPLE_VM_KEY, sampleCopy, sampleManifest } from './sample-point.ts';
import { createVirtualClock } from './virtual-clock.ts';

export const PAIRED_SUBNET_ID =
  '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-net/providers/Microsoft.Network/virtualNetworks/net-north/subnets/restored';
const ACCOUNT_ID =
  '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-dr/providers/Microsoft.Storage/storageAccounts/replica';
export const RUN_ID = `restore-${SAMPLE_VM_KEY}-20261123T190000Z-aa11bb`;

export interface RestoreWorld {
  readonly ports: RestorePorts;
  readonly arm: MemoryArm;
  readonly manifests: MemoryManifests;
  readonly replicas: MemoryReplicas;
  readonly scratch: MemoryScratch;
  /** Seals a replica of the point: blobs, their snapshots, the manifest; no row. */
  seal(point: RestorePoint): Promise<Manifest>;
}

/** Two regions; the app stands in the paired one unless told otherwise. */
export const createRestoreWorld = (
  options: { readonly homeRegion?: string; readonly hooks?: FaultHooks } = {},
): RestoreWorld => {
  const homeRegion = options.homeRegion ?? 'northeurope';
  const hooks = options.hooks ?? {};
  const arm = createMemoryArm();
  for (const name of ['rg-restored', 'rg-app']) arm.groups.add(name);
  arm.accounts.set(ACCOUNT_ID.toLowerCase(), { region: 'northeurope' });
  arm.subnets.set(PAIRED_SUBNET_ID.toLowerCase(), {
    subnetId: PAIRED_SUBNET_ID,
    region: 'northeurope',
    addressPrefixes: ['10.9.0.0/24'],
    contains: (address) => isInPrefixes(['10.9.0.0/24'], address),
  });
  arm.subnets.set(SAMPLE_SUBNET_ID.toLowerCase(), {
    subnetId: SAMPLE_SUBNET_ID,
    region: 'westeurope',
    addressPrefixes: ['10.1.0.0/24'],
    contains: (address) => isInPrefixes(['10.1.0.0/24'], address),
  });
  const manifests = createMemoryManifests();
  const replicas = createMemoryReplicas({ fetch: () => undefined });
  const scratch = createMemoryScratch((blobPath, blobSnapshot) => {
    try {
      return replicas.sealedImage(blobPath, blobSnapshot) !== undefined;
    } catch {
      return false;
    }
  });
  const target: RestoreTarget = {
    name: 'paired',
    region: 'northeurope',
    storageAccountId: ACCOUNT_ID,
    replicas: injectFaults(replicas, hooks, 'replicas'),
    manifests: injectFaults(manifests, hooks, 'manifests'),
    scratch: injectFaults(scratch, hooks, 'scratch'),
  };
  const ports: RestorePorts = {
    catalog: injectFaults(createMemoryCatalogStore(), hooks, 'catalog'),
    targets: { names: ['paired'], find: (name) => (name === 'paired' ? target : undefined) },
    disks: injectFaults(arm.disks, hooks, 'disks'),
    vms: injectFaults(arm.vms, hooks, 'vms'),
    networks: injectFaults(arm.networks, hooks, 'networks'),
    regions: injectFaults(arm.regions, hooks, 'regions'),
    clock: createVirtualClock(),
    events: { emit: () => undefined },
    deploymentId: 'lockstep-test',
    homeRegion,
    defaults: {
      resourceGroup: 'rg-restored',
      subnetId: homeRegion === 'northeurope' ? PAIRED_SUBNET_ID : SAMPLE_SUBNET_ID,
    },
    options: { timeBudgetMs: 10_000, pollIntervalMs: 500 },
  };
  return {
    ports,
    arm,
    manifests,
    replicas,
    scratch,
    async seal(point) {
      const disks = [];
      for (const disk of sampleManifest(point).disks) {
        const stamp = {
          deploymentId: point.deploymentId,
          pointId: point.pointId,
          diskKey: disk.diskKey,
          attempt: '0a1b2c',
        };
        await replicas.begin(disk.blobPath, {
          sizeBytes: disk.sizeBytes + 512,
          leaseId: 'lease',
          knownLeaseIds: [],
          stamp,
        });
        const sealed = await replicas.openForWriting(disk.blobPath, 'lease').seal(stamp);
        disks.push({ ...disk, blobSnapshot: sealed.blobSnapshot, etagAtSeal: sealed.etag });
      }
      const manifest = { ...sampleManifest(point), disks };
      await manifests.write(manifest);
      return manifest;
    },
  };
};

/** Rows of a recorded point with its copies. */
export const listPoint = async (
  world: RestoreWorld,
  point: RestorePoint,
  copies: readonly string[],
): Promise<void> => {
  await world.ports.catalog.createPoint(point);
  for (const copy of copies) {
    await world.ports.catalog.createCopy(sampleCopy({ pointId: point.pointId, copy }));
  }
};

export const restoreOf = (
  point: RestorePoint,
  overrides: Partial<RestoreRequest> = {},
): RestoreRequest => ({ pointId: point.pointId, mode: 'newVm', source: 'auto', ...overrides });

/** Runs the plan's steps as the orchestration does, each until it is finished. */
export const runPlan = async (
  ports: RestorePorts,
  plan: RestorePlan,
  repeat: <T>(step: () => Promise<Outcome<T>>) => Promise<Outcome<T>> = (step) => step(),
): Promise<Outcome<{ readonly vmId: string }>> => {
  const { origin } = plan;
  for (const step of plan.steps) {
    if (step.kind === 'verifyDisk' || step.kind === 'finishRestore') continue;
    for (;;) {
      const call = (): Promise<Outcome<StepResult>> => {
        if (step.kind === 'restoreDisk') {
          return restoreDisk(ports, { runId: RUN_ID, origin, step, verified: true });
        }
        if (step.kind === 'createNic') return createNic(ports, { runId: RUN_ID, origin, step });
        return createVm(ports, { runId: RUN_ID, origin, step });
      };
      const result = await repeat(call);
      if (!result.ok) return result;
      if (result.value.finished) break;
    }
  }
  return repeat(() => finishRestore(ports, { runId: RUN_ID, plan }));
};
