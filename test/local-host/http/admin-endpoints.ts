import type { FunctionError } from '../core/app-functions.ts';
import type { ClientReply } from '../durable/client-operations.ts';
import type { FunctionDescription } from '../function-description.ts';
import type { TimerHost } from '../timers/timer-host.ts';

export interface AdminOptions {
  described: readonly FunctionDescription[];
  errors: readonly FunctionError[];
  timers: TimerHost;
}

/** What answers below /admin; the segments stand behind it. Undefined: no such endpoint. */
export function createAdminEndpoints(
  options: AdminOptions,
): (method: string, segments: string[]) => ClientReply | undefined {
  const { described, errors, timers } = options;
  const status = {
    id: 'local-host',
    state: 'Running',
    version: '4.1037.0',
    errors: errors.map((error) => `The '${error.function}' function is in error: ${error.message}`),
  };
  return (method, segments) => {
    const [area, name, ...rest] = segments;
    if (rest.length > 0) {
      return undefined;
    }
    if (area === 'host' && name === 'status' && method === 'GET') {
      return { status: 200, body: status };
    }
    if (area === 'host' && name === 'ping') {
      return { status: 200 };
    }
    if (area !== 'functions') {
      return undefined;
    }
    if (name === undefined || name === '') {
      return method === 'GET' ? { status: 200, body: described } : undefined;
    }
    const known = described.find((fn) => fn.name.toLowerCase() === name.toLowerCase());
    if (!known || method !== 'POST') {
      return known && method === 'GET' ? { status: 200, body: known } : undefined;
    }
    return timers.runNow(name)
      ? { status: 202 }
      : {
          status: 400,
          body: { Message: `the local host runs timer functions only, '${name}' is none` },
        };
  };
}
