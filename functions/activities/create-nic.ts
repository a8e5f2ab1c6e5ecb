import { createNic } from '../../lib/restore/create-nic.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.createNic, (services, input) => createNic(services.restore(), input));
