import type { DurableOrchestrationStatus } from 'durable-functions';
import { PRIMARY_COPY } from '../../lib/catalog/point-copy.ts';
import { closeDeadRun } from '../shared/dead-runs.ts';
import { fieldsOf, findInstance, hasEnded, outcomeOfInstance } from '../shared/instances.ts';
import { instanceIds, orchestrations } from '../shared/names.ts';
import { newRunId } from '../shared/runs.ts';
import { startRun } from '../shared/start-run.ts';
import { registerTimer, type Tick } from '../shared/timer.ts';

/**
 * Starts a replicate instance for each VM and target that has copies to make and no instance. A copy
 * in state `copying` without an instance was left by one that died.
 */
export const moveTick: Tick = async (services, client) => {
  const { catalog, clock, events, settings } = services;
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
    if (existing !== undefined) {
      if (!hasEnded(existing) || (await closeDeadRun(services, client, existing))) continue;
      if (clock.now().getTime() < nextTryAtMs(existing)) continue;
    }
    const runId = newRunId(services, 'replicate', vmKey);
    const run = { runId, kind: 'replicate', vmKey, instanceId } as const;
    const failedBefore = existing === undefined ? 0 : failuresUpTo(existing);
    const input = { runId, vmKey, target, ...(failedBefore === 0 ? {} : { failedBefore }) };
    if (await startRun(services, client, run, orchestrations.replicateVm, input)) {
      events.emit('ReplicationStarted', { runId, vmKey, target });
    }
  }
};

/** A target that stays away is asked less and less often: each try leaves a run in the catalog. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 10 * 60_000;

/** How many tries failed in a row, the instance's own included; 0 when it ended well. */
function failuresUpTo(status: DurableOrchestrationStatus): number {
  if (outcomeOfInstance(status)?.ok === true) return 0;
  const { failedBefore } = fieldsOf(status.input);
  return typeof failedBefore === 'number' ? failedBefore + 1 : 1;
}

function nextTryAtMs(status: DurableOrchestrationStatus): number {
  const failures = failuresUpTo(status);
  if (failures === 0) return 0;
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  return new Date(status.lastUpdatedTime).getTime() + pauseMs;
}

registerTimer('moveTick', '%LOCKSTEP_MOVE_SCHEDULE%', moveTick);
