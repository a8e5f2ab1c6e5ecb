import { PRIMARY_COPY } from '../../lib/catalog/point-copy.ts';
import { findInstance, hasEnded, startInstance } from '../shared/instances.ts';
import { instanceIds, orchestrations } from '../shared/names.ts';
import { endRun, newRunId, noteRunStarted } from '../shared/runs.ts';
import { registerTimer, type Tick } from '../shared/timer.ts';

/**
 * Starts a replicate instance for each VM and target that has copies to make and no instance. A copy
 * in state `copying` without an instance was left by one that died.
 */
export const moveTick: Tick = async (services, client) => {
  const { catalog, events, settings } = services;
  const waiting = await catalog.listCopies({ states: ['pending', 'copying'] });
  const known = new Set(settings.replicaTargets.map((target) => target.name));
  const pairs = new Map<string, { vmKey: string; target: string }>();
  for (const { vmKey, copy } of waiting) {
    if (copy === PRIMARY_COPY) continue;
    if (known.has(copy)) pairs.set(instanceIds.replicate(vmKey, copy), { vmKey, target: copy });
    else events.emit('TargetNotConfigured', { vmKey, target: copy });
  }
  if (pairs.size === 0) {
    events.emit('NothingToMove', {});
    return;
  }
  for (const [instanceId, { vmKey, target }] of pairs) {
    const existing = await findInstance(client, instanceId);
    if (existing !== undefined && !hasEnded(existing)) continue;
    const runId = newRunId(services, 'replicate', vmKey);
    await noteRunStarted(services, { runId, kind: 'replicate', vmKey, instanceId });
    const input = { runId, vmKey, target };
    const started = await startInstance(client, orchestrations.replicateVm, instanceId, input);
    if (started) {
      events.emit('ReplicationStarted', { runId, vmKey, target });
    } else {
      const message = 'Another tick was faster';
      await endRun(services, {
        runId,
        state: 'failed',
        failure: { errorCode: 'RunInProgress', message },
      });
    }
  }
};

registerTimer('moveTick', 'LOCKSTEP_MOVE_SCHEDULE', moveTick);
