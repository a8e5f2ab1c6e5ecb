import FindMyWay, { type HTTPMethod } from 'find-my-way';
import type { AppFunction, FunctionError } from '../core/app-functions.ts';
import { type ParameterCheck, parseRoute } from './route-template.ts';

export type AuthLevel = 'anonymous' | 'function' | 'admin';

export interface HttpRoute {
  fn: AppFunction;
  /** The whole route without leading slash, prefix included, as it was written. */
  route: string;
  methods: string[];
  authLevel: AuthLevel;
}

export interface RouteMatch {
  route: HttpRoute;
  params: Record<string, string>;
}

export interface RouteTable {
  routes: HttpRoute[];
  errors: FunctionError[];
  /** `path` is the undecoded path of the request, without query. */
  match(method: string, path: string): RouteMatch | undefined;
}

interface Target {
  route: HttpRoute;
  checks: Map<string, ParameterCheck>;
  wildcard: string | undefined;
}

const AUTH_LEVELS: readonly AuthLevel[] = ['anonymous', 'function', 'admin'];

function toRoute(fn: AppFunction, routePrefix: string): HttpRoute {
  const { route, methods, authLevel } = fn.trigger;
  const written = typeof route === 'string' && route !== '' ? route : fn.name;
  const relative = written.replace(/^\/+/, '');
  // The genuine host compares beginnings, not segments (github.com/Azure/azure-functions-host, ScriptHost
  // .ValidateHttpFunction): `administration` is refused as well, and so is a function of that name without a route.
  if (/^(admin|runtime)/i.test(relative)) {
    throw new Error(
      `The specified route conflicts with one or more built in routes: routes must not start with "admin" or "runtime", got "${written}"`,
    );
  }
  const level = AUTH_LEVELS.find((known) => known === String(authLevel).toLowerCase());
  if (!level) {
    throw new Error(`authLevel must be one of ${AUTH_LEVELS.join(', ')}, got "${authLevel}"`);
  }
  if (!Array.isArray(methods) || methods.length === 0) {
    throw new Error('methods must be a list with at least one HTTP method');
  }
  return {
    fn,
    route: routePrefix === '' ? relative : `${routePrefix}/${relative}`,
    methods: methods.map((method) => String(method).toUpperCase()),
    authLevel: level,
  };
}

/** Builds the routes of all HTTP functions; one with a bad or taken route is in error, alone. */
export function createRouteTable(
  functions: readonly AppFunction[],
  routePrefix: string,
): RouteTable {
  const router = FindMyWay({
    caseSensitive: false,
    ignoreTrailingSlash: true,
    maxParamLength: 8_192,
  });
  const routes: HttpRoute[] = [];
  const errors: FunctionError[] = [];

  function add(fn: AppFunction): void {
    const route = toRoute(fn, routePrefix);
    const parsed = parseRoute(route.route);
    const target: Target = { route, checks: parsed.checks, wildcard: parsed.wildcard };
    for (const method of route.methods as HTTPMethod[]) {
      for (const path of parsed.paths) {
        if (router.hasRoute(method, path)) {
          throw new Error(`the route ${method} ${route.route} is taken by another function`);
        }
      }
    }
    for (const method of route.methods as HTTPMethod[]) {
      for (const path of parsed.paths) {
        router.on(method, path, () => undefined, target);
      }
    }
    routes.push(route);
  }

  for (const fn of functions) {
    try {
      add(fn);
    } catch (error) {
      errors.push({
        function: fn.name,
        message: error instanceof Error ? error.message : String(error),
      });
    }
  }

  return {
    routes,
    errors,
    match(method, path) {
      const found = router.find(method as HTTPMethod, path);
      if (!found) {
        return undefined;
      }
      const target = found.store as Target;
      const params: Record<string, string> = {};
      for (const [key, value] of Object.entries(found.params)) {
        const name = key === '*' ? target.wildcard : key;
        if (name === undefined || value === undefined) {
          continue;
        }
        if (!(target.checks.get(name)?.(value) ?? true)) {
          return undefined;
        }
        params[name] = value;
      }
      return { route: target.route, params };
    },
  };
}
