import { markDamaged } from '../../lib/restore/mark-damaged.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.markDamaged, (services, input) =>
  markDamaged(services.restore(), input),
);
