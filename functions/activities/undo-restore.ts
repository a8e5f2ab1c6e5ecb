import { undoRestore } from '../../lib/restore/undo-restore.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.undoRestore, (services, input) =>
  undoRestore(services.restore(), input),
);
