import { describe, expect, it } from 'vitest';
import type { Tick } from '../../../functions/shared/timer.ts';
import { expireTick } from '../../../functions/timers/expire-tick.ts';
import { moveTick } from '../../../functions/timers/move-tick.ts';
import { rebuildTick } from '../../../functions/timers/rebuild-tick.ts';
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

  it('names a target that is not configured any more, and leaves its copies', async () => {
    const { tick, instances, logged, catalog } = stand();
    await catalog.createCopy(sampleCopy({ copy: 'old-target', state: 'pending' }));

    await tick(moveTick);

    expect(instances.size).toBe(0);
    expect(logged).toContain('TargetNotConfigured');
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
