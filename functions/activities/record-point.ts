import { recordPoint } from '../../lib/consistency/record-point.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.recordPoint, (services, input) =>
  recordPoint(services.consistency(), input),
);
