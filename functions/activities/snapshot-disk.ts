import { snapshotDisk } from '../../lib/consistency/snapshot-disk.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.snapshotDisk, (services, input) =>
  snapshotDisk(services.consistency(), input),
);
