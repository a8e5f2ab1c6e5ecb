import { describe, expect, it } from 'vitest';
import { createPoint } from '../../../functions/http/create-point.ts';
import { BackupError, RefusedByServiceError, ThrottledError } from '../../../lib/errors.ts';
import { SAMPLE_VM_ID, SAMPLE_VM_KEY } from '../../fakes/sample-point.ts';
import { createHttpStand } from '../../support/http-call.ts';

const post = { method: 'POST', path: '/api/points' };
const PROTECT = `protect-${SAMPLE_VM_KEY}`;

describe('POST /api/points', () => {
  it('starts a run and says where to look', async () => {
    const { call, instances, catalog } = createHttpStand();

    const answer = await call(createPoint, { ...post, json: { vmId: SAMPLE_VM_ID } });

    expect(answer.status).toBe(202);
    const runId = String(answer.body['runId']);
    expect(answer.headers).toMatchObject({ location: `/api/runs/${runId}`, 'retry-after': '2' });
    expect(instances.get(PROTECT)).toMatchObject({
      name: 'protectVm',
      input: {
        runId,
        vmId: SAMPLE_VM_ID,
        requested: { provider: 'lockstep', label: 'fileSystem', freezeDeadlineMs: 10_000 },
        targets: ['paired'],
      },
    });
    expect(await catalog.getRun(runId)).toMatchObject({
      kind: 'protect',
      state: 'running',
      vmKey: SAMPLE_VM_KEY,
      instanceId: PROTECT,
    });
  });

  it('takes a VM by its key, known from discovery or from the catalog', async () => {
    const { call, catalog } = createHttpStand();
    expect((await call(createPoint, { ...post, json: { vmKey: SAMPLE_VM_KEY } })).status).toBe(202);

    const gone = createHttpStand({ vms: [] });
    await gone.catalog.putVm({
      vmKey: SAMPLE_VM_KEY,
      vmId: SAMPLE_VM_ID,
      name: 'db-1',
      region: 'westeurope',
      lastSeenUtc: '2026-11-23T18:00:00.000Z',
    });
    const answer = await gone.call(createPoint, { ...post, json: { vmKey: SAMPLE_VM_KEY } });
    expect(answer).toMatchObject({ status: 404, body: { errorCode: 'VmNotFound' } });
    expect(await catalog.listRuns({ vmKey: SAMPLE_VM_KEY })).toHaveLength(1);
  });

  it('refuses a second run of a VM, and names the first', async () => {
    const { call, catalog } = createHttpStand();
    const first = await call(createPoint, { ...post, json: { vmId: SAMPLE_VM_ID } });

    const second = await call(createPoint, { ...post, json: { vmId: SAMPLE_VM_ID } });

    expect(second).toMatchObject({
      status: 409,
      body: { errorCode: 'RunInProgress', runId: first.body['runId'], instance: '/api/points' },
    });
    expect(second.headers['content-type']).toBe('application/problem+json');
    expect(await catalog.listRuns({ vmKey: SAMPLE_VM_KEY })).toHaveLength(1);
  });

  it('starts again once the run before has ended', async () => {
    const { call, instances, catalog } = createHttpStand();
    const first = await call(createPoint, { ...post, json: { vmId: SAMPLE_VM_ID } });
    const running = instances.get(PROTECT);
    if (running) running.runtimeStatus = 'Completed';
    const run = await catalog.getRun(String(first.body['runId']));
    if (run) await catalog.putRun({ ...run, state: 'succeeded' });

    expect((await call(createPoint, { ...post, json: { vmId: SAMPLE_VM_ID } })).status).toBe(202);
  });

  it('cleans up after a run whose instance died before it starts another', async () => {
    const { call, instances } = createHttpStand();
    const first = await call(createPoint, { ...post, json: { vmId: SAMPLE_VM_ID } });
    const running = instances.get(PROTECT);
    if (running) running.runtimeStatus = 'Failed';

    const second = await call(createPoint, { ...post, json: { vmId: SAMPLE_VM_ID } });

    expect(second).toMatchObject({ status: 409, body: { runId: first.body['runId'] } });
    expect(instances.get(`close-${String(first.body['runId'])}`)?.name).toBe('closeRun');
  });

  it('leaves no run open that could not be started', async () => {
    const { call, catalog } = createHttpStand({
      onStart: () => {
        throw new Error('the hub cannot be reached');
      },
    });

    const answer = await call(createPoint, { ...post, json: { vmId: SAMPLE_VM_ID } });

    expect(answer.status).toBe(500);
    const runs = await catalog.listRuns({ vmKey: SAMPLE_VM_KEY });
    expect(runs).toMatchObject([{ state: 'failed', failure: { errorCode: 'InstanceLost' } }]);
  });

  it.each([
    ['no JSON', { text: '{"vmId": ' }, 400, 'BodyMalformed', undefined],
    ['an empty body', { text: '' }, 400, 'BodyMalformed', undefined],
    [
      'another media type',
      { text: 'a=b', contentType: 'text/plain' },
      415,
      'MediaTypeNotSupported',
      undefined,
    ],
    ['an array', { json: [] }, 400, 'FieldInvalid', '/'],
    ['no VM', { json: {} }, 400, 'FieldInvalid', '/vmId'],
    [
      'both names',
      { json: { vmId: SAMPLE_VM_ID, vmKey: SAMPLE_VM_KEY } },
      400,
      'FieldInvalid',
      '/vmId',
    ],
    [
      'an unknown field',
      { json: { vmId: SAMPLE_VM_ID, when: 'now' } },
      400,
      'FieldInvalid',
      '/when',
    ],
    ['a wrong id', { json: { vmId: '/subscriptions/x' } }, 400, 'FieldInvalid', '/vmId'],
    ['a wrong key', { json: { vmKey: 'db-1' } }, 400, 'FieldInvalid', '/vmKey'],
    [
      'an unknown label',
      { json: { vmId: SAMPLE_VM_ID, consistency: { provider: 'crash', label: 'best' } } },
      400,
      'FieldInvalid',
      '/consistency/label',
    ],
    [
      'no label',
      { json: { vmId: SAMPLE_VM_ID, consistency: { provider: 'crash' } } },
      400,
      'FieldInvalid',
      '/consistency/label',
    ],
    [
      'a better second choice',
      {
        json: {
          vmId: SAMPLE_VM_ID,
          consistency: { provider: 'crash', label: 'crash', accept: 'application' },
        },
      },
      400,
      'FieldInvalid',
      '/consistency/accept',
    ],
    [
      'a deadline that is too long',
      {
        json: {
          vmId: SAMPLE_VM_ID,
          consistency: { provider: 'lockstep', label: 'fileSystem', freezeDeadlineMs: 60_000 },
        },
      },
      400,
      'FieldInvalid',
      '/consistency/freezeDeadlineMs',
    ],
    [
      'an unknown target',
      { json: { vmId: SAMPLE_VM_ID, targets: ['moon'] } },
      400,
      'FieldInvalid',
      '/targets/0',
    ],
    ['an unknown VM', { json: { vmId: `${SAMPLE_VM_ID}-2` } }, 404, 'VmNotFound', undefined],
    ['an unknown key', { json: { vmKey: 'f'.repeat(24) } }, 404, 'VmNotFound', undefined],
    [
      'a body without end',
      { text: JSON.stringify({ vmId: 'x'.repeat(300_000) }) },
      413,
      'BodyTooLarge',
      undefined,
    ],
  ] as const)('refuses %s, and starts nothing', async (_, request, status, errorCode, field) => {
    const { call, instances } = createHttpStand();

    const answer = await call(createPoint, { ...post, ...request });

    expect(answer).toMatchObject({ status, body: { status, errorCode } });
    if (field !== undefined) expect(answer.body['errors']).toMatchObject([{ field }]);
    expect(answer.body['detail']).toBeTruthy();
    expect(instances.size).toBe(0);
  });

  it('names every wrong field at once', async () => {
    const { call } = createHttpStand();

    const { body } = await call(createPoint, { ...post, json: { vmKey: 'x', a: 1, b: 2 } });

    expect((body['errors'] as { field: string }[]).map((one) => one.field).sort()).toEqual([
      '/a',
      '/b',
      '/vmKey',
    ]);
  });

  it.each([
    [new BackupError('NetworkError', 'could not reach https://arm/?sig=abc'), '10'],
    [new ThrottledError('slow down', 17_200), '18'],
  ])('answers 503 with Retry-After when ARM fails with %s', async (error, retryAfter) => {
    const down = async (): Promise<never> => {
      throw error;
    };
    const { call } = createHttpStand({
      services: { directory: { listVms: down, findVm: down } },
    });

    const answer = await call(createPoint, { ...post, json: { vmId: SAMPLE_VM_ID } });

    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': retryAfter } });
    expect(JSON.stringify(answer.body)).not.toContain('sig=abc');
  });

  it('answers 502 without Retry-After when Azure refuses for good', async () => {
    const refused = async (): Promise<never> => {
      throw new RefusedByServiceError('AuthorizationFailed', 'may not read the VM');
    };
    const { call } = createHttpStand({
      services: { directory: { listVms: refused, findVm: refused } },
    });

    const answer = await call(createPoint, { ...post, json: { vmId: SAMPLE_VM_ID } });

    expect(answer).toMatchObject({ status: 502, body: { errorCode: 'AuthorizationFailed' } });
    expect(answer.headers).not.toHaveProperty('retry-after');
  });

  it('keeps the text of an unforeseen error to itself, and logs it', async () => {
    const down = async (): Promise<never> => {
      throw new TypeError('undefined is not a function');
    };
    const { call, logged } = createHttpStand({
      services: { directory: { listVms: down, findVm: down } },
    });

    const answer = await call(createPoint, { ...post, json: { vmId: SAMPLE_VM_ID } });

    expect(answer).toMatchObject({ status: 500, body: { errorCode: 'InternalError' } });
    expect(JSON.stringify(answer.body)).not.toContain('not a function');
    expect(logged.join('\n')).toContain('undefined is not a function');
  });
});
