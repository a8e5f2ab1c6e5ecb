import { openDiskCopy } from '../../lib/copy/open-disk-copy.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.openDiskCopy, (services, input) =>
  openDiskCopy(services.copy(), input),
);
