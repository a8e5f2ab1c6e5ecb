import { verifyReplicaDisk } from '../../lib/verify/verify-replica-disk.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.verifyReplicaDisk, (services, input) =>
  verifyReplicaDisk(services.verify(), input),
);
