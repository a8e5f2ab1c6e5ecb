import { beginUncoordinatedSet } from '../../lib/consistency/begin-uncoordinated-set.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.beginUncoordinatedSet, (services, input) =>
  beginUncoordinatedSet(services.consistency(), input),
);
