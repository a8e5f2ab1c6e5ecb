import { uuidOfText } from '../digest/uuid-of-text.ts';

/**
 * The lease under which one attempt writes a chain's blob, as a UUID. Derived, so that the next
 * attempt can take it over by name, and a stale one can be told apart.
 */
export const leaseIdOf = (pointId: string, diskKey: string, attempt: string): string =>
  uuidOfText(`${pointId}\n${diskKey}\n${attempt}`);
