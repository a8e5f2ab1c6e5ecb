import { startInstance } from '../shared/instances.ts';
import { instanceIds, orchestrations } from '../shared/names.ts';
import { registerTimer, type Tick } from '../shared/timer.ts';

/** Starts the deletion of what failed or undone runs left, if there is any. */
export const expireTick: Tick = async ({ catalog, events }, client) => {
  const doomed = await catalog.listDoomed();
  if (doomed.length === 0) {
    events.emit('NothingToExpire', {});
    return;
  }
  const started = await startInstance(client, orchestrations.expireDoomed, instanceIds.expire, {});
  events.emit(started ? 'ExpiryStarted' : 'ExpiryStillRunning', { doomed: doomed.length });
};

registerTimer('expireTick', '%LOCKSTEP_EXPIRE_SCHEDULE%', expireTick);
