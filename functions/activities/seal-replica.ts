import { sealReplica } from '../../lib/copy/seal-replica.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.sealReplica, (services, input) => sealReplica(services.copy(), input));
