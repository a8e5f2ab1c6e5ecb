import { startRebuild } from '../shared/rebuild.ts';
import { registerTimer, type Tick } from '../shared/timer.ts';

/**
 * Keeps the catalog of an app that only restores in step with the replicas, which another app
 * writes. An app that protects writes its catalog itself.
 */
export const rebuildTick: Tick = async (services, client) => {
  const { events, settings } = services;
  if (settings.roles.includes('protect') || settings.replicaTargets.length === 0) {
    events.emit('NothingToRebuild', {});
    return;
  }
  const started = await startRebuild(client, services);
  events.emit(started ? 'RebuildStarted' : 'RebuildStillRunning', {});
};

registerTimer('rebuildTick', '%LOCKSTEP_REBUILD_SCHEDULE%', rebuildTick);
