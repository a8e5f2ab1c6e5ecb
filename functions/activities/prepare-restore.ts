import { prepareRestore } from '../../lib/restore/prepare-restore.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.prepareRestore, (services, input) =>
  prepareRestore(services.restore(), input),
);
