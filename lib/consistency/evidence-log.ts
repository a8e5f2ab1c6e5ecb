import type { EvidenceEvent } from '../catalog/labels.ts';
import type { Clock } from '../time/clock.ts';

/** Writes down what the service saw and did, in that order. */
export interface EvidenceLog {
  note(what: EvidenceEvent['what'], detail?: Readonly<Record<string, unknown>>): void;
  events(): readonly EvidenceEvent[];
}

export function createEvidenceLog(clock: Clock): EvidenceLog {
  const events: EvidenceEvent[] = [];
  return {
    note(what, detail) {
      events.push({
        order: events.length + 1,
        what,
        atUtc: clock.now().toISOString(),
        ...(detail === undefined ? {} : { detail }),
      });
    },
    events: () => [...events],
  };
}
