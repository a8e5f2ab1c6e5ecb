import { judgeUncoordinatedSet } from '../../lib/consistency/judge-uncoordinated-set.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.judgeUncoordinatedSet, (services, input) =>
  judgeUncoordinatedSet(services.consistency(), input),
);
