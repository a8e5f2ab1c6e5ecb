import { failPoint } from '../../lib/consistency/fail-point.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.failPoint, (services, input) =>
  failPoint(services.consistency(), input),
);
