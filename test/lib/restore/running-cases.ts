import { expect } from 'vitest';
import type { RestorePoint } from '../../../lib/catalog/restore-point.ts';
import { TAGS } from '../../../lib/catalog/storage-layout.ts';
import { prepareRestore } from '../../../lib/restore/prepare-restore.ts';
import type { RestorePlan } from '../../../lib/restore/restore-plan.ts';
import type { FaultHooks } from '../../fakes/inject-faults.ts';
import {
  createRestoreWorld,
  type RestoreWorld,
  RUN_ID,
  restoreOf,
} from '../../fakes/restore-world.ts';
import { sampleConfiguration, sampleNic, samplePoint } from '../../fakes/sample-point.ts';

const CAPTURED = sampleConfiguration({
  zones: ['2'],
  securityProfile: { securityType: 'TrustedLaunch', uefiSettings: { vTpmEnabled: true } },
  licenseType: 'RHEL_BYOS',
  plan: { name: 'n', publisher: 'p', product: 'q' },
  identity: {
    type: 'UserAssigned',
    userAssignedIdentities: { '/id/one': { principalId: 'x', clientId: 'y' } },
  },
  diagnosticsProfile: { bootDiagnostics: { enabled: true } },
  tags: { env: 'prod', [TAGS.run]: 'restore-of-long-ago' },
  nics: [sampleNic(), sampleNic({ name: 'db-1-nic-b', primary: false, dnsServers: ['10.0.0.9'] })],
  raw: {
    vm: { properties: { priority: 'Spot', osProfile: { secret: 'no' }, vmId: 'v' } },
    disks: [],
    nics: [],
  },
});
export const POINT: RestorePoint = samplePoint({ configuration: CAPTURED });

export const worldWithReplica = async (hooks: FaultHooks = {}): Promise<RestoreWorld> => {
  const world = createRestoreWorld({ hooks });
  await world.seal(POINT);
  return world;
};

export const prepared = async (world: RestoreWorld): Promise<RestorePlan> => {
  const plan = await prepareRestore(world.ports, {
    request: restoreOf(POINT),
    runId: RUN_ID,
    dryRun: false,
  });
  if (!plan.ok) throw new Error(plan.message);
  return plan.value;
};

export const assertRestored = async (world: RestoreWorld): Promise<void> => {
  const made = [...world.arm.resources.values()];
  expect(made).toHaveLength(4 + 2 + 1);
  const ours = new Set<string>(Object.values(TAGS));
  const tagNames = made.flatMap((one) => Object.keys(one.found.tags));
  expect(tagNames.filter((name) => ours.has(name))).toEqual([]);
  const vm = made.flatMap(({ made: one }) => (one.kind === 'vm' ? [one.spec] : []))[0];
  expect(vm).toMatchObject({
    region: 'northeurope',
    size: CAPTURED.size,
    zones: ['2'],
    securityProfile: CAPTURED.securityProfile,
    licenseType: 'RHEL_BYOS',
    plan: CAPTURED.plan,
    identity: { type: 'UserAssigned', userAssignedIdentities: { '/id/one': {} } },
    diagnosticsProfile: CAPTURED.diagnosticsProfile,
    moreProperties: { priority: 'Spot' },
  });
  expect(vm?.moreProperties).not.toHaveProperty('osProfile');
  expect(
    vm?.disks.map(({ lun, caching, writeAcceleratorEnabled, deleteOption }) => ({
      lun,
      caching,
      writeAcceleratorEnabled,
      deleteOption,
    })),
  ).toEqual(
    CAPTURED.disks.map(({ lun, caching, writeAcceleratorEnabled, deleteOption }) => ({
      lun,
      caching,
      writeAcceleratorEnabled,
      deleteOption,
    })),
  );
  expect(vm?.nics.map((nic) => nic.primary)).toEqual([true, false]);
  for (const { made: one, found } of made) {
    if (one.kind === 'disk') {
      const captured = CAPTURED.disks.find((disk) => one.spec.diskId.endsWith(`/${disk.name}`));
      expect(one.spec.sku).toBe(captured?.sku);
      expect(found.tags).toEqual(captured?.tags);
      expect(one.source).toMatchObject({ kind: 'blob', url: expect.stringContaining('source=') });
    }
    if (one.kind === 'vm') expect(found.tags).toEqual({ env: 'prod' });
  }
  expect(world.scratch.blobs.size).toBe(0);
  expect(await world.ports.catalog.listMade(RUN_ID)).toEqual([]);
  // The lease is free again.
  await world.manifests.lease(POINT, 'somebody-else', 15);
};
