import { sealDisk } from '../../lib/copy/seal-disk.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.sealDisk, (services, input) => sealDisk(services.copy(), input));
