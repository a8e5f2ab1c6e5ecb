import { describe, expect, it } from 'vitest';
import { getPoint } from '../../../functions/http/get-point.ts';
import { listPoints, listVmPoints } from '../../../functions/http/list-points.ts';
import { listVms } from '../../../functions/http/list-vms.ts';
import { startRebuild } from '../../../functions/http/start-rebuild.ts';
import { SAMPLE_VM_ID, SAMPLE_VM_KEY, sampleCopy, samplePoint } from '../../fakes/sample-point.ts';
import type { FakeInstance } from '../../support/fake-durable-client.ts';
import { createHttpStand } from '../../support/http-call.ts';

const restoreOnly = { settings: { roles: ['restore'] } } as const;

/** A catalog with five recorded points; the oldest two are replicated. */
async function filled(options: Parameters<typeof createHttpStand>[0] = {}) {
  const stand = createHttpStand(options);
  const points = [0, 1, 2, 3, 4].map((sequence) => samplePoint({}, sequence));
  for (const [index, point] of points.entries()) {
    const { pointId } = point;
    await stand.catalog.createPoint(point);
    await stand.catalog.createCopy(sampleCopy({ pointId }));
    const state = index < 2 ? 'sealed' : 'pending';
    await stand.catalog.createCopy(sampleCopy({ pointId, copy: 'paired', state }));
  }
  await stand.catalog.putVm({
    vmKey: SAMPLE_VM_KEY,
    vmId: SAMPLE_VM_ID,
    name: 'db-1',
    region: 'westeurope',
    lastSeenUtc: '2026-11-23T18:00:00.000Z',
  });
  return { ...stand, ids: points.map((point) => point.pointId).reverse() };
}
const idsOf = (body: Record<string, unknown>) =>
  (body['points'] as { pointId: string }[]).map((point) => point.pointId);

describe('GET /api/points', () => {
  it('lists newest first, in pages that join without gap or overlap', async () => {
    const { call, ids } = await filled();
    const seen: string[] = [];
    let continuation: string | undefined;

    for (let pages = 0; pages < 3; pages += 1) {
      const query = { limit: '2', ...(continuation === undefined ? {} : { continuation }) };
      const { body } = await call(listPoints, { query });
      seen.push(...idsOf(body));
      continuation = body['continuation'] as string | undefined;
    }

    expect(seen).toEqual(ids);
    expect(continuation).toBeUndefined();
  });

  it('filters by state, and by the copy that can be restored', async () => {
    const { call, ids } = await filled();

    const replicated = await call(listPoints, { query: { copy: 'paired', state: 'recorded' } });
    const failed = await call(listPoints, { query: { state: 'failed' } });

    expect(idsOf(replicated.body)).toEqual(ids.slice(3));
    expect(idsOf(failed.body)).toEqual([]);
  });

  it.each([
    ['limit', '0'],
    ['limit', '201'],
    ['state', 'good'],
    ['vmKey', 'db-1'],
    ['continuation', 'cC0x'],
    ['colour', 'red'],
  ])('refuses %s=%s', async (name, value) => {
    const { call } = await filled();

    const answer = await call(listPoints, { query: { [name]: value } });

    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field: name }] } });
  });
});

describe('GET /api/vms/{vmKey}/points', () => {
  it('lists the points of a VM, and none of an unknown one', async () => {
    const { call, ids } = await filled();

    const own = await call(listVmPoints, { params: { vmKey: SAMPLE_VM_KEY } });
    const other = await call(listVmPoints, { params: { vmKey: 'f'.repeat(24) } });
    const wrong = await call(listVmPoints, { params: { vmKey: 'db-1' } });

    expect(idsOf(own.body)).toEqual(ids);
    expect(other).toMatchObject({ status: 404, body: { errorCode: 'VmNotFound' } });
    expect(wrong.status).toBe(404);
  });
});

describe('GET /api/points/{pointId}', () => {
  it('shows verdict, evidence, configuration and copies', async () => {
    const { call, ids } = await filled();

    const { status, body } = await call(getPoint, { params: { pointId: ids[4] ?? '' } });

    expect(status).toBe(200);
    expect(body).toMatchObject({
      label: 'fileSystem',
      verdict: { achieved: 'fileSystem', evidence: [{ what: 'frozenRead' }] },
      configuration: { size: 'Standard_D4s_v5', nics: [{ name: 'db-1-nic' }] },
      copies: [
        { copy: 'paired', state: 'sealed' },
        { copy: 'primary', state: 'sealed' },
      ],
    });
    expect(body['configuration'] as object).not.toHaveProperty('raw');
  });

  it('says why a copy waits', async () => {
    const { call, ids, instances } = await filled();
    instances.set(`replicate-${SAMPLE_VM_KEY}-paired`, {
      name: 'replicateVm',
      input: {},
      runtimeStatus: 'Completed',
      output: { ok: false, errorCode: 'ECONNRESET', message: 'the account cannot be reached' },
    });

    const { body } = await call(getPoint, { params: { pointId: ids[0] ?? '' } });

    expect(body['copies']).toMatchObject([
      { copy: 'paired', state: 'pending', lastFailure: { errorCode: 'ECONNRESET' } },
      { copy: 'primary' },
    ]);
  });

  it.each(['p-20261123T181501Z-00000000', 'nonsense'])('does not know %s', async (pointId) => {
    const { call } = await filled();

    const answer = await call(getPoint, { params: { pointId } });

    expect(answer).toMatchObject({ status: 404, body: { errorCode: 'PointNotFound' } });
  });
});

describe('GET /api/vms', () => {
  it('joins discovered and known VMs, with their newest point', async () => {
    const stand = await filled();
    await stand.catalog.putVm({
      vmKey: 'e'.repeat(24),
      vmId: `${SAMPLE_VM_ID}-old`,
      name: 'a-gone',
      region: 'westeurope',
      lastSeenUtc: '2026-11-01T00:00:00.000Z',
    });

    const { body } = await stand.call(listVms);

    expect(body['vms']).toMatchObject([
      { name: 'a-gone', exists: false, points: 0 },
      { name: 'db-1', exists: true, points: 5, newestPoint: { pointId: stand.ids[0] } },
    ]);
  });

  it('asks ARM nothing in an app that only restores', async () => {
    const asked = async (): Promise<never> => {
      throw new Error('the first region is gone');
    };
    const stand = await filled({
      ...restoreOnly,
      services: { directory: { listVms: asked, findVm: asked } },
    });

    const { status, body } = await stand.call(listVms);

    expect(status).toBe(200);
    expect(body['vms']).toMatchObject([{ name: 'db-1', points: 5 }]);
  });
});

describe('an empty catalog in an app that only restores', () => {
  const ends = (end: Partial<FakeInstance>) => (_: string, instance: FakeInstance) => {
    Object.assign(instance, { runtimeStatus: 'Completed', ...end });
  };

  it('is rebuilt before the first answer', async () => {
    const { call, instances } = createHttpStand({
      ...restoreOnly,
      onStart: ends({ output: { ok: true, value: { points: 1 } } }),
    });

    const answer = await call(listVms);

    expect(answer.status).toBe(200);
    expect(instances.get('rebuild-catalog')).toMatchObject({ input: { targets: ['paired'] } });
  });

  it('is not rebuilt once it was', async () => {
    const { call, instances, catalog } = createHttpStand(restoreOnly);
    await catalog.putFact('catalogRebuiltAtUtc', '2026-11-23T18:00:00.000Z');

    await call(listPoints);

    expect(instances.size).toBe(0);
  });

  it('says why when it cannot be rebuilt', async () => {
    const output = { ok: false, errorCode: 'NetworkError', message: 'no route to the replica' };
    const { call } = createHttpStand({ ...restoreOnly, onStart: ends({ output }) });

    const answer = await call(listVms);

    expect(answer).toMatchObject({ status: 503, body: { errorCode: 'NetworkError' } });
    expect(answer.body['detail']).toContain('no route to the replica');
  });

  it('is not waited for without end', async () => {
    const { call } = createHttpStand(restoreOnly);

    const answer = await call(listVms);

    expect(answer).toMatchObject({ status: 503, body: { errorCode: 'CatalogRebuilding' } });
    expect(answer.headers['retry-after']).toBe('5');
  });
});

describe('POST /api/catalog/rebuild', () => {
  it('starts a rebuild of all targets without a body', async () => {
    const { call, instances } = createHttpStand();

    const answer = await call(startRebuild, { method: 'POST' });

    expect(answer).toMatchObject({
      status: 202,
      headers: { location: '/api/runs/rebuild-catalog' },
    });
    expect(instances.get('rebuild-catalog')).toMatchObject({ input: { targets: ['paired'] } });
  });

  it('refuses an unknown target', async () => {
    const { call } = createHttpStand();

    const answer = await call(startRebuild, { method: 'POST', json: { target: 'moon' } });

    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field: '/target' }] } });
  });
});
