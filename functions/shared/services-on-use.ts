import type { InvocationContext } from '@azure/functions';
import type { InvocationServices } from './services.ts';

/**
 * The services of one invocation. Loads the composition root, and with it every SDK, when the first
 * invocation needs it: an app that only waits for its timers is ready without them.
 */
export async function servicesFor(
  context: Pick<InvocationContext, 'info'>,
): Promise<InvocationServices> {
  const root = await import('./services.ts');
  return root.servicesFor(context);
}
