import { copySlice } from '../../lib/copy/copy-slice.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.copySlice, (services, input) => copySlice(services.copy(), input));
