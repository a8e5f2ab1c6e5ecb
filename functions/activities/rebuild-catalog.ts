import { rebuildCatalog } from '../../lib/restore/rebuild-catalog.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.rebuildCatalog, (services, input) =>
  rebuildCatalog(services.restore(), input),
);
