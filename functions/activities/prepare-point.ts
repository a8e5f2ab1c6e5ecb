import { preparePoint } from '../../lib/consistency/prepare-point.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.preparePoint, (services, input) =>
  preparePoint(services.consistency(), input),
);
