import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { differentFields, readVmBodies } from '../world/arm-reader.ts';
import type { RunView } from '../world/lockstep-api.ts';
import { blobService } from '../world/start-world.ts';
import { readStoredManifest } from '../world/stored-manifest.ts';
import { brokenPromises, readPoints } from './promises.ts';
import { BASELINE, copyReaches, protect, type SmallWorld, startSmallWorld } from './small-world.ts';

let small: SmallWorld;
let pointId: string;
const restoredVmIds: string[] = [];

beforeAll(async () => {
  small = await startSmallWorld();
  const run = await protect(small.app, small.vm.vmId, { targets: [DEPLOYMENT.target] });
  pointId = run.pointId ?? '';
  await copyReaches(small.app, pointId, ['sealed']);
});
afterAll(async () => {
  await small?.world.stop();
});

const restoreBody = (overrides: Readonly<Record<string, unknown>>, more = {}) => ({
  pointId,
  mode: 'newVm',
  source: 'primary',
  overrides,
  ...more,
});

const vmIdOf = (group: string, name: string): string =>
  `/subscriptions/${small.world.azure.info.subscriptionId}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines/${name}`;

async function restore(body: Readonly<Record<string, unknown>>): Promise<RunView> {
  const started = await small.app.call('POST', '/api/restores', body);
  if (started.status !== 202) {
    throw new Error(`POST /api/restores: ${started.status} ${JSON.stringify(started.body)}`);
  }
  return small.app.finishRun(started.headers.get('location') ?? '');
}

const replicaOf = async (id: string) => {
  const point = (await readPoints(small.app)).find((one) => one.pointId === id);
  const copy = point?.copies.find((one) => one.copy === DEPLOYMENT.target);
  return {
    path: copy?.manifestPath ?? '',
    manifest: await readStoredManifest(small.world, copy?.manifestPath ?? ''),
  };
};

const noPromiseIsBroken = async (): Promise<void> => {
  expect(
    await brokenPromises(small.world, small.app, {
      vms: [small.vm],
      baseline: BASELINE,
      restoredVmIds,
    }),
  ).toEqual([]);
};

describe('a restore from the primary', () => {
  it('shows its plan and makes nothing when it is a dry run', async () => {
    await small.world.azure.control.takeBaseline('dry run');

    const planned = await small.app.call<{ plan: { steps: readonly { what: string }[] } }>(
      'POST',
      '/api/restores',
      restoreBody({ vmName: 'dry-1' }, { dryRun: true }),
    );

    expect(planned.status).toBe(200);
    expect(planned.body.plan.steps.length).toBeGreaterThanOrEqual(6);
    const { added } = await small.world.azure.control.differenceSince('dry run');
    expect(added).toEqual([]);
  });

  it('makes a VM with every page of the point, configured as it was', async () => {
    const before = await readVmBodies(small.world, small.vm.vmId);

    const run = await restore(restoreBody({ vmName: 'again-1' }));

    expect(run).toMatchObject({ state: 'succeeded' });
    const vmId = vmIdOf(DEPLOYMENT.localRestoreGroup, 'again-1');
    restoredVmIds.push(vmId);
    const after = await readVmBodies(small.world, vmId);
    expect(differentFields(before, after)).toEqual([]);
    const [freeze] = (await small.world.guests.freezes({ vmId: small.vm.vmId })).slice(-1);
    const pages = await small.world.evidence.compare(
      small.vm.vmId,
      [-1, 0, 1, 2].map((lun, index) => ({
        lun,
        source: { diskId: String(after.disks[index]?.['id']) },
      })),
      { session: freeze?.session ?? '' },
    );
    expect(pages.pagesCompared).toBeGreaterThan(0);
    expect(pages.pagesDifferent).toBe(0);
    await noPromiseIsBroken();
  });
});

describe('a restore that cannot be', () => {
  it.each([
    ['an unknown point', { pointId: 'p-20200101T000000Z-00000000' }, 'PointNotFound'],
    ['a name that is taken', { overrides: { vmName: 'again-1' } }, 'NameTaken'],
    [
      'a group that does not exist',
      { overrides: { vmName: 'x-1', resourceGroup: 'nowhere' } },
      'ResourceGroupMissing',
    ],
  ])('is refused at once for %s', async (_what, change, errorCode) => {
    const answer = await small.app.call('POST', '/api/restores', {
      ...restoreBody({ vmName: 'x-1' }),
      ...change,
    });

    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(JSON.stringify(answer.body)).toContain(errorCode);
  });

  it.each([
    ['no JSON', '{'],
    ['an unknown mode', '{"pointId":"p-20200101T000000Z-00000000","mode":"undo","source":"auto"}'],
    ['no point', '{"mode":"newVm","source":"auto"}'],
  ])('is refused when its body has %s', async (_what, text) => {
    const answer = await small.app.callRaw('POST', '/api/restores', text, 'application/json');

    expect(answer.status).toBe(400);
  });

  it('is refused from a replica that is not sealed', async () => {
    const run = await protect(small.app, small.vm.vmId);

    const answer = await small.app.call('POST', '/api/restores', {
      ...restoreBody({ vmName: 'x-1' }, { source: 'replica' }),
      pointId: run.pointId,
    });

    expect(answer.status).toBe(422);
    await noPromiseIsBroken();
  });

  it('undoes everything when the VM cannot be made', async () => {
    await small.world.azure.control.addFault(
      { service: 'arm', method: 'PUT', pathPattern: '/virtualMachines/undone-1', count: 1 },
      { status: 409, code: 'SkuNotAvailable', message: 'planted refusal' },
    );

    const run = await restore(restoreBody({ vmName: 'undone-1' }));
    await small.world.azure.control.clearFaults();

    expect(run.state).toBe('failed');
    expect(run.failure?.message).toContain('planted refusal');
    await noPromiseIsBroken();
  });
});

describe('a replica that was changed behind our back', () => {
  it('is not restored when one page differs, and is marked as damaged', async () => {
    const started = await small.world.startRestoreApp();
    const { manifest } = await replicaOf(pointId);
    const disk = manifest.disks[1];
    await small.world.azure.control.damageByte({
      account: DEPLOYMENT.replicaAccount,
      container: DEPLOYMENT.replicaContainer,
      blob: disk?.blobPath ?? '',
      snapshot: disk?.blobSnapshot ?? '',
      offset: 4096 * 100 + 7,
    });

    const answer = await started.call('POST', '/api/restores', {
      ...restoreBody({ vmName: 'damaged-1' }, { source: 'replica' }),
    });
    expect(answer.status).toBe(202);
    const run = await started.finishRun(answer.headers.get('location') ?? '');

    expect(run).toMatchObject({ state: 'failed', failure: { errorCode: 'ReplicaDamaged' } });
    const point = await started.call<{ copies: readonly { copy: string; state: string }[] }>(
      'GET',
      `/api/points/${pointId}`,
    );
    expect(point.body.copies.find(({ copy }) => copy === DEPLOYMENT.target)?.state).toBe('damaged');
    await started.stop();
  });

  it('is reported and refused when its manifest is corrupt, and hides no other point', async () => {
    const other = await protect(small.app, small.vm.vmId, { targets: [DEPLOYMENT.target] });
    await copyReaches(small.app, other.pointId ?? '', ['sealed']);
    const { path } = await replicaOf(other.pointId ?? '');
    const text = '{"formatVersion":1,"kind":"lockstep-manifest"';
    await blobService(small.world.azure, DEPLOYMENT.replicaAccount)
      .getContainerClient(DEPLOYMENT.replicaContainer)
      .getBlockBlobClient(path)
      .upload(text, text.length);
    const restoreApp = await small.world.startRestoreApp();

    const rebuild = await restoreApp.call('POST', '/api/catalog/rebuild');
    const run = await restoreApp.finishRun(rebuild.headers.get('location') ?? '');
    const listed = await restoreApp.call<{ points: readonly { pointId: string }[] }>(
      'GET',
      '/api/points',
    );
    const refused = await small.app.call('POST', '/api/restores', {
      ...restoreBody({ vmName: 'corrupt-1' }, { source: 'replica' }),
      pointId: other.pointId,
    });

    expect(JSON.stringify(run)).toContain('ManifestCorrupt');
    expect(JSON.stringify(run)).toContain(path);
    expect(listed.status).toBe(200);
    expect(listed.body.points.map((one) => one.pointId)).toEqual([pointId]);
    expect(refused.status).toBe(422);
    expect(JSON.stringify(refused.body)).toContain('ManifestCorrupt');
    await restoreApp.stop();
  });
});
