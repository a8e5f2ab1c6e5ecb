import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestDescription } from '../contracts.ts';
import { operationFaultOf } from '../front/gate.ts';
import type { AccessTokens } from '../identity/access-tokens.ts';
import { ArmError, fromGateway } from './arm-error.ts';
import {
  type ArmCall,
  type ArmMethod,
  type ArmReply,
  type ArmRoute,
  createArmRouter,
} from './arm-router.ts';
import type { ArmState } from './arm-state.ts';
import { checkApiVersion } from './check-api-version.ts';
import { isObject, type Json, type JsonObject, stringAt } from './json.ts';
import { parseResourceId } from './resource-id.ts';

export interface ArmService {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  describe(request: IncomingMessage): RequestDescription;
}

export interface ArmServiceOptions {
  readonly state: ArmState;
  readonly routes: readonly ArmRoute[];
  readonly tokens: AccessTokens;
  readonly origin: () => string;
}

const maxBodyBytes = 4 * 1024 * 1024;

function splitUrl(request: IncomingMessage): { path: string; query: URLSearchParams } {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  return {
    path: path.replaceAll(/\/{2,}/g, '/'),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
  };
}

async function readBody(request: IncomingMessage): Promise<JsonObject> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBodyBytes) {
      throw new ArmError(
        413,
        'RequestContentTooLarge',
        'The request content size exceeds the maximum size of 4 MB.',
      );
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text.trim() === '') return {};
  let parsed: Json;
  try {
    parsed = JSON.parse(text) as Json;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ArmError(
      400,
      'InvalidRequestContent',
      `The request content was invalid and could not be deserialized: '${reason}'.`,
      fromGateway,
    );
  }
  if (!isObject(parsed)) {
    throw new ArmError(
      400,
      'InvalidRequestContent',
      'The request content was invalid and could not be deserialized: an object was expected.',
      fromGateway,
    );
  }
  return parsed;
}

function send(request: IncomingMessage, response: ServerResponse, reply: ArmReply): void {
  response.statusCode = reply.status;
  response.setHeader('cache-control', 'no-cache');
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  if (reply.body === undefined || request.method === 'HEAD') {
    response.setHeader('content-length', 0);
    response.end();
    return;
  }
  const text = JSON.stringify(reply.body);
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.setHeader('content-length', Buffer.byteLength(text));
  response.end(text);
}

/** Azure Resource Manager and its providers at one origin, behind bearer tokens. */
export function createArmService(options: ArmServiceOptions): ArmService {
  const { state } = options;
  const router = createArmRouter(options.routes);
  const audiences = () => [
    'https://management.core.windows.net/',
    'https://management.azure.com/',
    options.origin(),
  ];

  /** The region whose failure a call would feel: its resource's, else its group's. */
  function regionOf(path: string): string | undefined {
    const location = /\/locations\/([^/]+)\//i.exec(path)?.[1];
    if (location !== undefined) return location.toLowerCase();
    const resource = findResource(path);
    return resource?.region;
  }

  function findResource(path: string) {
    let at = path;
    while (at.length > 0) {
      const found = parseResourceId(at) === undefined ? undefined : state.resources.get(at);
      if (found !== undefined) return found;
      at = at.slice(0, at.lastIndexOf('/'));
    }
    return undefined;
  }

  /**
   * A resource of a region that is off is out of reach, and nothing in a resource group whose own
   * region is off can be written, as its metadata is unavailable (What is Azure Resource Manager?,
   * section on the location of resource groups).
   */
  function refuseIfOff(
    method: string,
    path: string,
    body: JsonObject,
    response: ServerResponse,
  ): boolean {
    const location = method === 'PUT' ? stringAt(body, 'location') : undefined;
    const regions = [regionOf(path), location?.replaceAll(' ', '')];
    const groupName = /\/resourceGroups\/([^/]+)/i.exec(path)?.[1];
    if (groupName !== undefined && method !== 'GET' && method !== 'HEAD') {
      regions.push(state.resources.group(groupName)?.region);
    }
    const isOff = regions.some(
      (region) => region !== undefined && state.regionSwitch.isOff(region),
    );
    if (!isOff) return false;
    if (state.offAnswer === 'hangup') {
      response.socket?.destroy();
      return true;
    }
    throw new ArmError(503, 'ServiceUnavailable', 'The service is temporarily unavailable.');
  }

  function refuseIfDenied(
    identity: string,
    principalId: string,
    route: ArmRoute,
    path: string,
  ): void {
    const denied = state.denials.some(
      (denial) =>
        denial.identity === identity &&
        new RegExp(`^(?:${denial.operation})$`).test(route.operation) &&
        (denial.pathPattern === undefined || new RegExp(denial.pathPattern, 'i').test(path)),
    );
    if (!denied) return;
    const id = parseResourceId(path);
    throw new ArmError(
      403,
      'AuthorizationFailed',
      `The client '${principalId}' with object id '${principalId}' does not have authorization to perform action '${id?.type ?? route.type}/${route.operation.split('.').at(-1)}' over scope '${path}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
      fromGateway,
    );
  }

  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<ArmReply | undefined> {
    const { path, query } = splitUrl(request);
    const method = (request.method ?? 'GET') as ArmMethod;
    const body = await readBody(request);
    const check = options.tokens.check(request.headers.authorization, audiences());
    if (!check.ok) {
      throw new ArmError(check.status, check.code, check.message, {
        headers: { 'www-authenticate': check.wwwAuthenticate, ...fromGateway.headers },
      });
    }
    const subscription = /^\/subscriptions\/([^/]+)/i.exec(path)?.[1];
    if (subscription !== undefined && subscription.toLowerCase() !== state.subscriptionId) {
      throw new ArmError(
        404,
        'SubscriptionNotFound',
        `The subscription '${subscription}' could not be found.`,
        fromGateway,
      );
    }
    const found = router.find(method, path);
    if (found === undefined) {
      const served = router.knowsPath(path);
      throw new ArmError(
        served ? 405 : 404,
        served ? 'HttpMethodNotAllowed' : 'InvalidResourceType',
        served
          ? `The HTTP method '${method}' is not supported at scope '${path}'.`
          : `The resource type could not be found for the path '${path}': the local Azure does not have it.`,
        fromGateway,
      );
    }
    const { route, params } = found;
    const apiVersion = checkApiVersion(query, route, state.regions);
    refuseIfDenied(check.identityName, check.principalId, route, path);
    if (refuseIfOff(method, path, body, response)) return undefined;
    const call: ArmCall = {
      method,
      path,
      query,
      params,
      body,
      apiVersion,
      identityName: check.identityName,
      operationFault: operationFaultOf(request),
    };
    return route.handle(call);
  }

  return {
    async handle(request, response) {
      try {
        const reply = await answer(request, response);
        if (reply !== undefined) send(request, response, reply);
      } catch (error) {
        if (!(error instanceof ArmError)) throw error;
        send(request, response, {
          status: error.status,
          body: error.toBody(),
          headers: error.headers,
        });
      }
    },
    describe(request) {
      const { path } = splitUrl(request);
      const found = router.find(request.method ?? 'GET', path);
      const region = regionOf(path);
      const check = options.tokens.check(request.headers.authorization, audiences());
      return {
        ...(check.ok ? { identity: check.identityName } : {}),
        ...(found === undefined ? {} : { operation: found.route.operation }),
        ...(region === undefined ? {} : { region }),
      };
    },
  };
}
