import type { EventSink } from '../../lib/events.ts';

export const silentEvents: EventSink = { emit: () => undefined };
