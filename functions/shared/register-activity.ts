import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import type { Outcome } from '../../lib/outcome.ts';
import { runActivity } from './activity-runner.ts';
import type { ActivityRef } from './durable.ts';
import { registerFor } from './register.ts';
import type { InvocationServices } from './services.ts';
import { servicesFor } from './services-on-use.ts';

/** An activity is an operation of the same name, called with the app's services. */
export function registerActivity<I, T>(
  activity: ActivityRef<I, T>,
  operation: (services: InvocationServices, input: I) => Promise<Outcome<T>>,
): void {
  registerFor(activity.name, () => {
    df.app.activity(activity.name, {
      handler: (input: I, context: InvocationContext) =>
        runActivity(activity.name, context, async () =>
          operation(await servicesFor(context), input),
        ),
    });
  });
}
