import type { InvocationContext, Timer } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import * as df from 'durable-functions';
import { maskSecrets } from '../../lib/azure/secret-masking.ts';
import { registerFor } from './register.ts';
import type { InvocationServices } from './services.ts';
import { servicesFor } from './services-on-use.ts';

export type Tick = (services: InvocationServices, client: DurableClient) => Promise<void>;

/**
 * Registers a timer; `schedule` is NCRONTAB or an app setting, `%NAME%`. A tick only starts
 * instances; what it misses, the next one does, so nothing is remembered between ticks.
 */
export function registerTimer(functionName: string, schedule: string, tick: Tick): void {
  registerFor(functionName, () => {
    df.app.client.timer(functionName, {
      schedule,
      handler: async (_timer: Timer, client: DurableClient, context: InvocationContext) => {
        try {
          await tick(await servicesFor(context), client);
        } catch (error) {
          // The host logs whole errors with their causes, which may hold URLs with signatures.
          throw new Error(
            maskSecrets(error instanceof Error ? error.message : String(error)) ||
              `${functionName} failed without a message`,
          );
        }
      },
    });
  });
}
