import { describe, expect, it } from 'vitest';
import { getRun } from '../../../functions/http/get-run.ts';
import type { Run } from '../../../lib/catalog/run.ts';
import { SAMPLE_VM_KEY } from '../../fakes/sample-point.ts';
import type { FakeInstance } from '../../support/fake-durable-client.ts';
import { createHttpStand, type HttpStandOptions } from '../../support/http-call.ts';

const runId = `protect-${SAMPLE_VM_KEY}-20261123T180000Z-abc123`;
const instanceId = `protect-${SAMPLE_VM_KEY}`;
const running: Run = {
  formatVersion: 1,
  runId,
  kind: 'protect',
  vmKey: SAMPLE_VM_KEY,
  instanceId,
  state: 'running',
  startedAtUtc: '2026-11-23T18:00:00.000Z',
};
const instance = (rest: Partial<FakeInstance> = {}): FakeInstance => ({
  name: 'protectVm',
  input: { runId },
  runtimeStatus: 'Running',
  ...rest,
});

async function stand(run: Run | undefined, own?: FakeInstance, options: HttpStandOptions = {}) {
  const made = createHttpStand(options);
  if (run) await made.catalog.putRun(run);
  if (own) made.instances.set(run?.instanceId ?? runId, own);
  return made;
}
const ask = (id: string) => ({ params: { runId: id } });

describe('GET /api/runs/{runId}', () => {
  it('shows how far a running one is, and when to ask again', async () => {
    const customStatus = { runId, phase: 'snapshotting', pointId: 'p', disks: 4 };
    const { call } = await stand(running, instance({ customStatus }));

    const answer = await call(getRun, ask(runId));

    expect(answer).toMatchObject({
      status: 200,
      headers: { 'retry-after': '2' },
      body: { runId, state: 'running', progress: { phase: 'snapshotting', disks: 4 } },
    });
    expect(answer.body).not.toHaveProperty('instanceId');
  });

  it('shows the bytes of each disk while a replica is copied', async () => {
    const copyRun: Run = {
      ...running,
      runId: runId.replace('protect', 'replicate'),
      kind: 'replicate',
      instanceId: `replicate-${SAMPLE_VM_KEY}-paired`,
    };
    const customStatus = {
      runId: copyRun.runId,
      phase: 'copying',
      pointId: 'p-1',
      diskKeys: ['d1', 'd2'],
    };
    const { call, instances } = await stand(
      copyRun,
      instance({ input: { runId: copyRun.runId }, customStatus }),
    );
    instances.set(
      `${copyRun.runId}-copy-p-1-d1`,
      instance({ customStatus: { sizeBytes: 100, copiedBytes: 40 } }),
    );

    const answer = await call(getRun, ask(copyRun.runId));

    expect(answer.body['progress']).toEqual({
      phase: 'copying',
      pointId: 'p-1',
      disks: [
        { diskKey: 'd1', sizeBytes: 100, copiedBytes: 40, state: 'Running' },
        { diskKey: 'd2', state: 'Pending' },
      ],
    });
  });

  it('shows how one ended', async () => {
    const failure = { errorCode: 'VmNotRunning', message: 'db-1 is deallocated' };
    const { call } = await stand({ ...running, state: 'failed', failure });

    const answer = await call(getRun, ask(runId));

    expect(answer.body).toMatchObject({ state: 'failed', failure });
    expect(answer.headers).not.toHaveProperty('retry-after');
  });

  it.each([
    ['died', instance({ runtimeStatus: 'Failed', output: 'exited with code 137' })],
    ['never began', undefined],
    ['lost the race for its instance', instance({ input: { runId: 'another' } })],
  ])('counts a run whose instance %s as lost', async (_, own) => {
    const { call } = await stand(running, own);

    const answer = await call(getRun, ask(runId));

    expect(answer.body).toMatchObject({
      state: 'failed',
      failure: { errorCode: 'InstanceLost' },
    });
  });

  it('takes the end from the instance when its row was not written', async () => {
    const output = { ok: true, value: { pointId: 'p-1' } };
    const { call } = await stand(running, instance({ runtimeStatus: 'Completed', output }));

    const answer = await call(getRun, ask(runId));

    expect(answer.body).toMatchObject({ state: 'succeeded', result: { pointId: 'p-1' } });
  });

  it('believes the row of a run that another app works on', async () => {
    const { call } = await stand(running, undefined, { settings: { roles: ['restore'] } });

    const answer = await call(getRun, ask(runId));

    expect(answer.body).toMatchObject({ state: 'running' });
  });

  it('shows a rebuild, which has no row', async () => {
    const { call, instances } = await stand(undefined);
    instances.set(
      'rebuild-catalog',
      instance({ runtimeStatus: 'Completed', output: { ok: true, value: { points: 7 } } }),
    );

    const answer = await call(getRun, ask('rebuild-catalog'));

    expect(answer.body).toMatchObject({
      kind: 'rebuild',
      state: 'succeeded',
      result: { points: 7 },
    });
  });

  it.each([runId, 'rebuild-catalog', 'nonsense', `protect-${SAMPLE_VM_KEY}`])(
    'does not know %s',
    async (unknown) => {
      const { call } = await stand(undefined);

      const answer = await call(getRun, ask(unknown));

      expect(answer).toMatchObject({ status: 404, body: { errorCode: 'RunNotFound' } });
    },
  );
});
