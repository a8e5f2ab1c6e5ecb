import { takeNextCopy } from '../../lib/copy/take-next-copy.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.takeNextCopy, (services, input) =>
  takeNextCopy(services.copy(), input),
);
