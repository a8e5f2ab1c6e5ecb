import { removeDoomed } from '../../lib/retention/remove-doomed.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.removeDoomed, (services) => removeDoomed(services.expiry()));
