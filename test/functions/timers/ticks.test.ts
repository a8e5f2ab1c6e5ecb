import { describe, expect, it } from 'vitest';
import type { Tick } from '../../../functions/shared/timer.ts';
import { expireTick } from '../../../functions/timers/expire-tick.ts';
import { moveTick } from '../../../functions/timers/move-tick.ts';
import { rebuildTick } from '../../../functions/timers/rebuild-tick.ts';
import { reconcileTick } from '../../../functions/timers/reconcile-tick.ts';
import { SAMPLE_VM_KEY, sampleCopy, samplePoint } from '../../fakes/sample-point.ts';
import { createFakeDurableClient } from '../../support/fake-durable-client.ts';
import { createHttpStand } from '../../support/http-call.ts';

function stand(options: Parameters<typeof createHttpStand>[0] = {}) {
  const { services, catalog, logged } = createHttpStand(options);
  const { client, instances } = createFakeDurableClient();
  const tick = (one: Tick) => one(services, client);
  return { catalog, instances, logged, tick };
}
const REPLICATE = `replicate-${SAMPLE_VM_KEY}-paired`;

describe('moveTick', () => {
  it('does nothing, quietly, when nothing waits', async () => {
    const { tick, instances, logged, catalog } = stand();
    await catalog.createCopy(sampleCopy());

    await tick(moveTick);

    expect(instances.size).toBe(0);
    expect(logged).toEqual(['NothingToMove']);
  });

  it('starts one instance for a VM and target, however many copies wait', async () => {
    const { tick, instances, catalog } = stand();
    for (const sequence of [0, 1]) {
      const { pointId } = samplePoint({}, sequence);
      await catalog.createCopy(sampleCopy({ pointId, copy: 'paired', state: 'pending' }));
    }

    await tick(moveTick);
    await tick(moveTick);

    const [run, ...others] = await catalog.listRuns({ vmKey: SAMPLE_VM_KEY });
    expect(others).toEqual([]);
    expect(run).toMatchObject({ kind: 'replicate', state: 'running', instanceId: REPLICATE });
    expect(instances.get(REPLICATE)?.input).toEqual({
      runId: run?.runId,
      vmKey: SAMPLE_VM_KEY,
      target: 'paired',
    });
  });

  it('takes over what a dead instance left half copied', async () => {
    const { tick, instances, catalog } = stand();
    await catalog.createCopy(sampleCopy({ copy: 'paired', state: 'copying' }));
    instances.set(REPLICATE, { name: 'replicateVm', input: {}, runtimeStatus: 'Failed' });

    await tick(moveTick);

    expect(instances.get(REPLICATE)?.runtimeStatus).toBe('Running');
  });

  it('closes the run of a dead instance before it starts another', async () => {
    const { tick, instances, catalog } = stand();
    await catalog.createCopy(sampleCopy({ copy: 'paired', state: 'copying' }));
    const runId = `replicate-${SAMPLE_VM_KEY}-20261123T180000Z-abc123`;
    await catalog.putRun({
      formatVersion: 1,
      runId,
      kind: 'replicate',
      vmKey: SAMPLE_VM_KEY,
      instanceId: REPLICATE,
      state: 'running',
      startedAtUtc: '2026-11-23T18:00:00.000Z',
    });
    const input = { runId, target: 'paired' };
    instances.set(REPLICATE, { name: 'replicateVm', input, runtimeStatus: 'Failed' });

    await tick(moveTick);

    expect(instances.get(REPLICATE)?.runtimeStatus).toBe('Failed');
    expect(instances.get(`close-${runId}`)?.input).toMatchObject({ target: 'paired' });
  });

  it('pauses longer and longer after tries that failed, and not after one that went well', async () => {
    const { tick, instances, catalog } = stand();
    await catalog.createCopy(sampleCopy({ copy: 'paired', state: 'pending' }));
    const ended = (output: unknown, secondsAgo: number, failedBefore?: number) =>
      instances.set(REPLICATE, {
        name: 'replicateVm',
        input: { failedBefore },
        runtimeStatus: 'Completed',
        output,
        lastUpdatedTime: new Date(Date.UTC(2026, 10, 23, 18, 30, -secondsAgo)).toISOString(),
      });
    const failure = { ok: false, errorCode: 'ECONNRESET', message: 'unreachable' };
    const starts = async () => {
      await tick(moveTick);
      const { runtimeStatus, input } = instances.get(REPLICATE) ?? {};
      return runtimeStatus === 'Running' ? (input as { failedBefore?: number }) : undefined;
    };

    ended(failure, 4);
    expect(await starts()).toBeUndefined();
    ended(failure, 6);
    expect(await starts()).toMatchObject({ failedBefore: 1 });
    ended(failure, 70, 4);
    expect(await starts()).toBeUndefined();
    ended(failure, 90, 4);
    expect(await starts()).toMatchObject({ failedBefore: 5 });
    ended(failure, 601, 40);
    expect(await starts()).toBeDefined();
    ended({ ok: true, value: { points: 1 } }, 0, 3);
    expect(await starts()).not.toHaveProperty('failedBefore');
  });

  it('names a target that is not configured any more, and leaves its copies', async () => {
    const { tick, instances, logged, catalog } = stand();
    await catalog.createCopy(sampleCopy({ copy: 'old-target', state: 'pending' }));

    await tick(moveTick);

    expect(instances.size).toBe(0);
    expect(logged).toContain('TargetNotConfigured');
  });
});

describe('reconcileTick', () => {
  const runId = `protect-${SAMPLE_VM_KEY}-20261123T180000Z-abc123`;
  const instanceId = `protect-${SAMPLE_VM_KEY}`;
  const died = { name: 'protectVm', input: { runId }, runtimeStatus: 'Failed' };
  async function withDeadRun() {
    const made = stand();
    await made.catalog.putRun({
      formatVersion: 1,
      runId,
      kind: 'protect',
      vmKey: SAMPLE_VM_KEY,
      instanceId,
      state: 'running',
      startedAtUtc: '2026-11-23T18:00:00.000Z',
    });
    return made;
  }

  it('closes the run of an instance that died, once', async () => {
    const { tick, instances, logged } = await withDeadRun();
    instances.set(instanceId, { ...died });

    await tick(reconcileTick);
    await tick(reconcileTick);

    expect(instances.get(`close-${runId}`)).toMatchObject({
      name: 'closeRun',
      input: { runId, kind: 'protect', failure: { errorCode: 'InstanceLost' } },
    });
    expect(logged.filter((name) => name === 'DeadRunFound')).toHaveLength(1);
  });

  it('keeps the reason that the instance gave before it could not clean up', async () => {
    const { tick, instances } = await withDeadRun();
    const customStatus = {
      runId,
      phase: 'failing',
      errorCode: 'GuestSilent',
      message: 'no answer',
    };
    instances.set(instanceId, { ...died, customStatus });

    await tick(reconcileTick);

    expect(instances.get(`close-${runId}`)).toMatchObject({
      input: { failure: { errorCode: 'GuestSilent', message: 'no answer' } },
    });
  });

  it('closes nothing twice: a run whose row has its end is left alone', async () => {
    const { tick, instances, catalog } = await withDeadRun();
    const run = await catalog.getRun(runId);
    if (run) await catalog.putRun({ ...run, state: 'failed' });
    instances.set(instanceId, { ...died });

    await tick(reconcileTick);

    expect(instances.has(`close-${runId}`)).toBe(false);
  });

  it('looks at no children, and at no instance that lives', async () => {
    const { tick, instances, logged } = await withDeadRun();
    instances.set('child', { ...died, name: 'copyDisk' });
    instances.set(instanceId, { ...died, runtimeStatus: 'Running' });

    await tick(reconcileTick);

    expect(instances.size).toBe(2);
    expect(logged).toEqual(['NothingToReconcile']);
  });
});

describe('expireTick', () => {
  const doomed = {
    runId: 'run',
    kind: 'snapshot',
    resourceId: '/snap',
    sinceUtc: '2026-11-23T18:00:00.000Z',
  } as const;

  it('starts the removal when something is doomed, once', async () => {
    const { tick, instances, logged, catalog } = stand();
    await catalog.doom(doomed);

    await tick(expireTick);
    await tick(expireTick);

    expect([...instances.keys()]).toEqual(['expire-doomed']);
    expect(logged).toEqual(['ExpiryStarted', 'ExpiryStillRunning']);
  });

  it('does nothing when nothing is', async () => {
    const { tick, instances, logged } = stand();

    await tick(expireTick);

    expect(instances.size).toBe(0);
    expect(logged).toEqual(['NothingToExpire']);
  });
});

describe('rebuildTick', () => {
  it('rebuilds in an app that only restores', async () => {
    const { tick, instances } = stand({ settings: { roles: ['restore'] } });

    await tick(rebuildTick);

    expect(instances.get('rebuild-catalog')?.input).toEqual({ targets: ['paired'] });
  });

  it('leaves the catalog of an app that protects alone', async () => {
    const { tick, instances } = stand();

    await tick(rebuildTick);

    expect(instances.size).toBe(0);
  });
});
