import type { AppFunction, FunctionError, FunctionKind } from './core/app-functions.ts';
import type { HttpRoute } from './http/route-table.ts';
import type { TimerFunction } from './timers/timer-host.ts';

/** A function as the ready line and /admin/functions list it. */
export interface FunctionDescription {
  name: string;
  kind: FunctionKind;
  route?: string;
  methods?: string[];
  schedule?: string;
}

/** Lists the functions that can run. */
export function describeFunctions(
  functions: readonly AppFunction[],
  routes: readonly HttpRoute[],
  timers: readonly TimerFunction[],
  errors: readonly FunctionError[],
): FunctionDescription[] {
  const lost = new Set(errors.map((error) => error.function));
  return functions
    .filter((fn) => !lost.has(fn.name))
    .map((fn) => {
      const route = routes.find((candidate) => candidate.fn === fn);
      const timer = timers.find((candidate) => candidate.fn === fn);
      return {
        name: fn.name,
        kind: fn.kind,
        ...(route ? { route: route.route, methods: route.methods } : {}),
        ...(timer ? { schedule: timer.schedule.expression } : {}),
      };
    });
}
