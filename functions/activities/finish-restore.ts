import { finishRestore } from '../../lib/restore/finish-restore.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.finishRestore, (services, input) =>
  finishRestore(services.restore(), input),
);
