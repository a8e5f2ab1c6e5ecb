import { abandonCopy } from '../../lib/copy/abandon-copy.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.abandonCopy, (services, input) => abandonCopy(services.copy(), input));
