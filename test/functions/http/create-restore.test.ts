import { describe, expect, it } from 'vitest';
import { createRestore } from '../../../functions/http/create-restore.ts';
import { BackupError } from '../../../lib/errors.ts';
import { createRestoreWorld, PAIRED_SUBNET_ID } from '../../fakes/restore-world.ts';
import { SAMPLE_VM_KEY, samplePoint } from '../../fakes/sample-point.ts';
import { createHttpStand } from '../../support/http-call.ts';

const { pointId } = samplePoint();
const request = {
  pointId,
  mode: 'newVm',
  source: 'replica',
  overrides: { resourceGroup: 'rg-restored', subnetId: PAIRED_SUBNET_ID },
};

/** An app in the paired region, with one sealed replica and no catalog row of it. */
async function stand(hooks: Parameters<typeof createRestoreWorld>[0] = {}) {
  const world = createRestoreWorld(hooks);
  await world.seal(samplePoint());
  const http = createHttpStand({
    settings: { roles: ['restore'] },
    services: { restore: () => world.ports, catalog: world.ports.catalog },
  });
  await world.ports.catalog.putFact('catalogRebuiltAtUtc', '2026-11-23T18:00:00.000Z');
  const post = (json: unknown) => http.call(createRestore, { method: 'POST', json });
  const started = () => [...http.instances.values()];
  return { ...http, world, post, started };
}

describe('POST /api/restores', () => {
  it('answers a dry run with the plan, and starts nothing', async () => {
    const { post, started } = await stand();

    const { status, body } = await post({ ...request, dryRun: true });

    expect(status).toBe(200);
    const plan = body['plan'] as { steps: { kind: string; reason: string }[] };
    expect(plan.steps.map((step) => step.kind)).toContain('createVm');
    expect(plan.steps.every((step) => step.reason !== '')).toBe(true);
    expect(started()).toEqual([]);
  });

  it('starts what it planned, and says where to look', async () => {
    const { post, started, world } = await stand();

    const { status, body, headers } = await post(request);

    expect(status).toBe(202);
    const runId = String(body['runId']);
    expect(headers['location']).toBe(`/api/runs/${runId}`);
    expect(runId).toMatch(new RegExp(`^restore-${SAMPLE_VM_KEY}-`));
    expect(started()).toMatchObject([
      { name: 'restoreVm', input: { runId, request: { ...request, target: 'paired' } } },
    ]);
    expect(await world.ports.catalog.getRun(runId)).toMatchObject({ kind: 'restore', pointId });
  });

  it('refuses at once what the plan refuses, with every reason', async () => {
    const { post, started, world } = await stand();
    const { groups } = world.arm;
    groups.delete('rg-restored');

    for (const dryRun of [true, false]) {
      const overrides = { resourceGroup: 'rg-restored', subnetId: `${PAIRED_SUBNET_ID}-2` };
      const { status, body } = await post({ ...request, overrides, dryRun });

      expect(status).toBe(422);
      const codes = (body['errors'] as { errorCode: string }[]).map((one) => one.errorCode);
      expect(codes).toEqual(expect.arrayContaining(['ResourceGroupMissing', 'SubnetMissing']));
    }
    expect(started()).toEqual([]);
  });

  it('does not know a point that is neither in the catalog nor among the manifests', async () => {
    const { post } = await stand();

    const answer = await post({ ...request, pointId: 'p-20200101T000000Z-00000000' });

    expect(answer).toMatchObject({ status: 404, body: { errorCode: 'PointNotFound' } });
  });

  it.each([
    ['no mode', { pointId, source: 'auto' }, '/mode'],
    ['another mode', { ...request, mode: 'export' }, '/mode'],
    ['no point', { mode: 'newVm', source: 'auto' }, '/pointId'],
    ['a wrong point', { ...request, pointId: 'latest' }, '/pointId'],
    ['an unknown field', { ...request, force: true }, '/force'],
    ['an unknown override', { ...request, overrides: { color: 'red' } }, '/overrides/color'],
    ['a wrong type', { ...request, dryRun: 'yes' }, '/dryRun'],
  ])('refuses a request with %s', async (_, json, field) => {
    const { post, started } = await stand();

    const { status, body } = await post(json);

    expect(status).toBe(400);
    expect((body['errors'] as { field: string }[]).map((one) => one.field)).toContain(field);
    expect(started()).toEqual([]);
  });

  it('answers 503 when ARM cannot be reached', async () => {
    const { post } = await stand({
      hooks: {
        before: (method: string) => {
          if (method.startsWith('regions') || method.startsWith('networks')) {
            throw new BackupError('NetworkError', 'could not reach ARM');
          }
        },
      },
    } as Parameters<typeof createRestoreWorld>[0]);

    const answer = await post(request);

    expect(answer).toMatchObject({ status: 503, body: { errorCode: 'NetworkError' } });
    expect(answer.headers['retry-after']).toBe('10');
  });
});
