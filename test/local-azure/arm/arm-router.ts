import findMyWay from 'find-my-way';
import type { OperationFault } from '../front/gate.ts';
import type { VersionFamily } from './api-versions.ts';
import type { Json, JsonObject } from './json.ts';

export type ArmMethod = 'GET' | 'HEAD' | 'PUT' | 'PATCH' | 'POST' | 'DELETE';

/** What a handler is given: authenticated, api-version checked, body parsed. */
export interface ArmCall {
  readonly method: ArmMethod;
  /** Path as requested, without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names keep the caller's spelling. */
  readonly params: Readonly<Record<string, string>>;
  /** `{}` when there was none. */
  readonly body: JsonObject;
  readonly apiVersion: string;
  readonly identityName: string;
  /** Set when a fault wants the operation of this call to be slow, or to fail. */
  readonly operationFault: OperationFault | undefined;
}

export interface ArmReply {
  readonly status: number;
  readonly body?: Json;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ArmRoute {
  readonly method: ArmMethod;
  /** find-my-way pattern. `{rg}` and `{sub}` stand for the usual beginning. */
  readonly path: string;
  /** As in the SDK: `snapshots.createOrUpdate`. */
  readonly operation: string;
  readonly family: VersionFamily | 'polling';
  /** The type in messages about api-versions, `disks`. */
  readonly type: string;
  handle(call: ArmCall): ArmReply | Promise<ArmReply>;
}

export interface ArmRouter {
  find(
    method: string,
    path: string,
  ): { readonly route: ArmRoute; readonly params: Readonly<Record<string, string>> } | undefined;
  /** Whether another method is served at this path. */
  knowsPath(path: string): boolean;
}

const beginnings: Readonly<Record<string, string>> = {
  '{sub}': '/subscriptions/:subscriptionId',
  '{rg}': '/subscriptions/:subscriptionId/resourceGroups/:resourceGroup',
};

const methods = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE'] as const;

function isMethod(method: string): method is ArmMethod {
  return (methods as readonly string[]).includes(method);
}

/** ARM compares every fixed part of a path case-insensitively. */
export function createArmRouter(routes: readonly ArmRoute[]): ArmRouter {
  const router = findMyWay({
    caseSensitive: false,
    ignoreTrailingSlash: true,
    maxParamLength: 512,
  });
  for (const route of routes) {
    const path = route.path.replace(/^\{\w+\}/, (beginning) => beginnings[beginning] ?? beginning);
    router.on(route.method, path, () => undefined, route);
  }
  return {
    find(method, path) {
      if (!isMethod(method)) return undefined;
      const found = router.find(method, path);
      if (found === null) return undefined;
      const params: Record<string, string> = {};
      for (const [name, value] of Object.entries(found.params)) params[name] = value ?? '';
      return { route: found.store as ArmRoute, params };
    },
    knowsPath: (path) => methods.some((method) => router.find(method, path) !== null),
  };
}
