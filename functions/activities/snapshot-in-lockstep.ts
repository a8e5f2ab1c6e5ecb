import { snapshotInLockstep } from '../../lib/consistency/snapshot-in-lockstep.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.snapshotInLockstep, (services, input) =>
  snapshotInLockstep(services.consistency(), input),
);
