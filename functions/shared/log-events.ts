import type { InvocationContext } from '@azure/functions';
import { maskSecrets } from '../../lib/azure/secret-masking.ts';
import type { EventSink } from '../../lib/events.ts';

/** Events go to the log of the invocation that they belong to, one JSON object a line, masked. */
export const logEventsTo = (context: Pick<InvocationContext, 'info'>): EventSink => ({
  emit: (name, fields) => {
    context.info(maskSecrets(JSON.stringify({ event: name, ...fields })));
  },
});
