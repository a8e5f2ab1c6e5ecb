import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';
import { endRun } from '../shared/runs.ts';

registerActivity(activities.endRun, endRun);
