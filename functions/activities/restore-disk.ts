import { restoreDisk } from '../../lib/restore/restore-disk.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.restoreDisk, (services, input) =>
  restoreDisk(services.restore(), input),
);
