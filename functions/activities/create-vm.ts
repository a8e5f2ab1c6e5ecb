import { createVm } from '../../lib/restore/create-vm.ts';
import { activities } from '../shared/names.ts';
import { registerActivity } from '../shared/register-activity.ts';

registerActivity(activities.createVm, (services, input) => createVm(services.restore(), input));
