import { releaseGrants } from '../../lib/copy/release-grants.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.releaseGrants, (services, input) =>
  releaseGrants(services.copy(), input),
);
