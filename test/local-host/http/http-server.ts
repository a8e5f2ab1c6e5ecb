import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AppFunction } from '../core/app-functions.ts';
import type { FunctionInvoker } from '../core/invoke-function.ts';
import { messageOf } from '../core/load-app.ts';
import type { TypedData } from '../core/worker-protocol.ts';
import { WEBHOOK_PATH } from '../durable/client-links.ts';
import type { ClientReply } from '../durable/client-operations.ts';
import type { DurableRequest } from '../durable/durable-endpoints.ts';
import type { HostLog } from '../host-log.ts';
import { type HostKeys, isAuthorized, readKey } from './host-keys.ts';
import {
  readBody,
  sendEmpty,
  sendJson,
  sendRpcResponse,
  toRpcRequest,
  toUrl,
} from './http-message.ts';
import type { RouteTable } from './route-table.ts';

export interface HttpServerOptions {
  keys: HostKeys;
  log: HostLog;
  routes: RouteTable;
  invoke: FunctionInvoker;
  clientData(): TypedData;
  durable(request: DurableRequest): ClientReply;
  /** Answers below /admin, once the master key was right; undefined: 404. */
  admin(method: string, segments: string[], body: string): ClientReply | undefined;
}

export interface HttpHandlers {
  /** The public listener: functions, /admin, /runtime. */
  onRequest(request: IncomingMessage, response: ServerResponse): void;
  /** The private listener of durable clients, without key, below /durabletask/. */
  onRpcRequest(request: IncomingMessage, response: ServerResponse): void;
  /** Answers 500 to every request in flight, as the death of the worker does. */
  failInFlight(): void;
}

function toSegments(path: string): string[] {
  return path
    .replace(/^\//, '')
    .split('/')
    .map((segment) => decodeURIComponent(segment));
}

function sendReply(response: ServerResponse, reply: ClientReply): void {
  if (reply.body === undefined) {
    sendEmpty(response, reply.status);
  } else {
    sendJson(response, reply.status, reply.body, reply.headers);
  }
}

export function createHttpHandlers(options: HttpServerOptions): HttpHandlers {
  const { keys, log, routes, invoke } = options;
  const inFlight = new Set<ServerResponse>();

  async function callFunction(
    fn: AppFunction,
    request: IncomingMessage,
    response: ServerResponse,
    params: Record<string, string>,
    url: URL,
    body: Buffer,
  ): Promise<void> {
    inFlight.add(response);
    try {
      const invocation = await invoke(fn, {
        inputData: [
          { name: fn.triggerName, data: { http: toRpcRequest(request, url, params, body) } },
          ...fn.clientBindings.map((name) => ({ name, data: options.clientData() })),
        ],
      });
      const { returnValue } = await invocation.respond();
      if (inFlight.has(response)) {
        sendRpcResponse(response, returnValue?.http);
      }
    } catch (error) {
      log('error', `Executed '${fn.name}' (Failed): ${messageOf(error)}`, { function: fn.name });
      sendEmpty(response, 500);
    } finally {
      inFlight.delete(response);
    }
  }

  async function callDurable(
    request: IncomingMessage,
    response: ServerResponse,
    url: URL,
    base: string,
    body: Buffer,
  ): Promise<void> {
    const token = request.headers['x-ms-continuation-token'];
    sendReply(
      response,
      options.durable({
        method: request.method ?? 'GET',
        segments: toSegments(url.pathname.slice(base.length)),
        query: url.searchParams,
        body: body.toString('utf8'),
        continuationToken: Array.isArray(token) ? token[0] : token,
      }),
    );
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = toUrl(request);
    const key = readKey(request.headers['x-functions-key'], url.searchParams);
    const body = await readBody(request);
    if (!body) {
      sendEmpty(response, 413);
      return;
    }
    const path = url.pathname;
    if (/^\/admin(\/|$)/i.test(path)) {
      if (!isAuthorized(keys, 'admin', key)) {
        sendEmpty(response, 401);
        return;
      }
      const segments = toSegments(path).slice(1);
      const reply = options.admin(request.method ?? 'GET', segments, body.toString('utf8'));
      sendReply(response, reply ?? { status: 404 });
      return;
    }
    if (path.startsWith(`${WEBHOOK_PATH}/`)) {
      if (isAuthorized(keys, 'system', key)) {
        await callDurable(request, response, url, WEBHOOK_PATH, body);
      } else {
        sendEmpty(response, 401);
      }
      return;
    }
    const match = routes.match(request.method ?? 'GET', path);
    if (!match) {
      sendEmpty(response, 404);
    } else if (!isAuthorized(keys, match.route.authLevel, key)) {
      sendEmpty(response, 401);
    } else {
      await callFunction(match.route.fn, request, response, match.params, url, body);
    }
  }

  async function serveRpc(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = toUrl(request);
    const body = await readBody(request);
    if (!body || !url.pathname.startsWith('/durabletask/')) {
      sendEmpty(response, body ? 404 : 413);
      return;
    }
    await callDurable(request, response, url, '/durabletask', body);
  }

  const guard =
    (handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>) =>
    (request: IncomingMessage, response: ServerResponse): void => {
      handler(request, response).catch((error: unknown) => {
        // A path that cannot be decoded is the client's fault, all else is ours.
        const isBadPath = error instanceof URIError;
        if (!isBadPath) {
          log('error', `request failed: ${messageOf(error)}`);
        }
        sendEmpty(response, isBadPath ? 400 : 500);
      });
    };

  return {
    onRequest: guard(serve),
    onRpcRequest: guard(serveRpc),
    failInFlight() {
      for (const response of inFlight) {
        sendEmpty(response, 500);
      }
      inFlight.clear();
    },
  };
}

/** Listens on 127.0.0.1; port 0 takes a free one. Resolves with the base URL, without trailing slash. */
export async function listen(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  port: number,
): Promise<{ server: Server; url: string }> {
  const server = createServer(handler);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port: actual } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${actual}` };
}

/** Takes no new connection and resolves when all are closed; idle ones are cut at once. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
