import { createHash } from 'node:crypto';

/**
 * The lease under which one attempt writes a chain's blob, as a UUID. Derived, so that the next
 * attempt can take it over by name, and a stale one can be told apart.
 */
export const leaseIdOf = (pointId: string, diskKey: string, attempt: string): string => {
  const hex = createHash('sha256').update(`${pointId}\n${diskKey}\n${attempt}`).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
};
