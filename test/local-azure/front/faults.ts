import type { ServiceName } from '../contracts.ts';
import type { SeededRandom } from '../seeded-random.ts';

/** Which requests a fault meets; every given field must agree. */
export interface FaultMatch {
  readonly service?: ServiceName;
  readonly region?: string;
  readonly method?: string;
  /** Regular expression on path and query. */
  readonly pathPattern?: string;
  readonly operation?: string;
  /** The first request to be hit, counted over the matching ones from 1. Default 1. */
  readonly nth?: number;
  /** How many matching requests from there on are hit; 0 means all. Default 1. */
  readonly count?: number;
  /** Chance in [0, 1] that a request otherwise hit is hit; drawn from the seed. Default 1. */
  readonly probability?: number;
}

/** What happens to the request. `latencyMs` may go with any other field or stand alone. */
export interface FaultAction {
  readonly latencyMs?: number;
  readonly status?: number;
  readonly code?: string;
  readonly message?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection is cut; the service never sees the request. */
  readonly resetBefore?: boolean;
  /** The service does the work; the connection is cut instead of answered. */
  readonly resetAfter?: boolean;
  /** Nothing is ever answered. */
  readonly hang?: boolean;
  /** ARM only: the request is accepted, and its long-running operation ends as Failed with this. */
  readonly asyncFailure?: { readonly code: string; readonly message: string };
  /** ARM only: the long-running operation takes so much longer. May go with any other field. */
  readonly asyncLatencyMs?: number;
}

export interface Fault {
  readonly id: string;
  readonly match: FaultMatch;
  readonly action: FaultAction;
  /** Requests that agreed with `match`, hit or not. */
  readonly matched: number;
  readonly hits: number;
}

export interface FaultSubject {
  readonly service: ServiceName;
  readonly region: string | undefined;
  readonly method: string;
  readonly url: string;
  readonly operation: string | undefined;
}

export interface FaultList {
  /** Throws a TypeError that says what is wrong with the match or the action. */
  add(match: FaultMatch, action: FaultAction): Fault;
  remove(id: string): boolean;
  clear(): void;
  list(): readonly Fault[];
  /** The first fault that hits this request; counts it for every fault that it agrees with. */
  draw(subject: FaultSubject): Fault | undefined;
}

function checkFault(match: FaultMatch, action: FaultAction): void {
  if (match.pathPattern !== undefined) new RegExp(match.pathPattern);
  if (match.nth !== undefined && !(Number.isInteger(match.nth) && match.nth >= 1)) {
    throw new TypeError('match.nth must be a whole number from 1');
  }
  if (match.count !== undefined && !(Number.isInteger(match.count) && match.count >= 0)) {
    throw new TypeError('match.count must be a whole number from 0');
  }
  if (match.probability !== undefined && !(match.probability >= 0 && match.probability <= 1)) {
    throw new TypeError('match.probability must be between 0 and 1');
  }
  if (action.status !== undefined && !(action.status >= 300 && action.status <= 599)) {
    throw new TypeError('action.status must be between 300 and 599');
  }
  const ends = [
    action.status,
    action.resetBefore,
    action.resetAfter,
    action.hang,
    action.asyncFailure,
  ].filter(Boolean);
  if (ends.length > 1) {
    throw new TypeError('action takes one of status, resetBefore, resetAfter, hang, asyncFailure');
  }
  const delays = [action.latencyMs, action.asyncLatencyMs].filter((delay) => (delay ?? 0) > 0);
  if (ends.length === 0 && delays.length === 0) {
    throw new TypeError(
      'action needs latencyMs, asyncLatencyMs, status, resetBefore, resetAfter, hang or asyncFailure',
    );
  }
}

export function createFaultList(random: SeededRandom): FaultList {
  let faults: {
    id: string;
    match: FaultMatch;
    action: FaultAction;
    matched: number;
    hits: number;
  }[] = [];
  let lastId = 0;

  function agrees(match: FaultMatch, subject: FaultSubject): boolean {
    return (
      (match.service === undefined || match.service === subject.service) &&
      (match.region === undefined || match.region === subject.region) &&
      (match.method === undefined || match.method === subject.method) &&
      (match.operation === undefined || match.operation === subject.operation) &&
      (match.pathPattern === undefined || new RegExp(match.pathPattern).test(subject.url))
    );
  }

  return {
    add(match, action) {
      checkFault(match, action);
      lastId += 1;
      const fault = { id: `fault-${lastId}`, match, action, matched: 0, hits: 0 };
      faults.push(fault);
      return { ...fault };
    },
    remove(id) {
      const before = faults.length;
      faults = faults.filter((fault) => fault.id !== id);
      return faults.length < before;
    },
    clear() {
      faults = [];
    },
    list: () => faults.map((fault) => ({ ...fault })),
    draw(subject) {
      let drawn: Fault | undefined;
      for (const fault of faults) {
        if (!agrees(fault.match, subject)) continue;
        fault.matched += 1;
        const nth = fault.match.nth ?? 1;
        const count = fault.match.count ?? 1;
        const isDue = fault.matched >= nth && (count === 0 || fault.hits < count);
        if (!isDue || drawn !== undefined) continue;
        if (random.next() >= (fault.match.probability ?? 1)) continue;
        fault.hits += 1;
        drawn = { ...fault };
      }
      return drawn;
    },
  };
}
