import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import findMyWay from 'find-my-way';

export type ControlMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface ControlCall {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The parsed JSON body; `undefined` when there was none. Check it before use. */
  readonly body: unknown;
}

/** Returns what is answered as JSON with 200; `undefined` answers 204. */
export type ControlHandler = (call: ControlCall) => unknown;

/** The part of the control server that other parts of the local Azure need. */
export type RegisterControlRoute = (
  method: ControlMethod,
  path: string,
  handler: ControlHandler,
) => void;

export interface ControlServer {
  readonly registerControlRoute: RegisterControlRoute;
  /** `http://127.0.0.1:PORT`, once started. */
  start(port?: number): Promise<string>;
  close(): Promise<void>;
}

/** A control call that cannot be done: what is wrong, and with which field. */
export class ControlError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'ControlError';
    this.status = status;
    this.code = code;
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  if (chunks.length === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ControlError(400, 'BodyNotJson', `the body is not JSON: ${reason}`);
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (body === undefined) {
    response.writeHead(status).end();
    return;
  }
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/**
 * The door for tests and demos: plain http on loopback, JSON in and out. Nothing that the product
 * runs ever calls it.
 */
export function createControlServer(): ControlServer {
  const router = findMyWay({ ignoreTrailingSlash: true, maxParamLength: 1024 });

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      const found = router.find((request.method ?? 'GET') as ControlMethod, url.pathname);
      if (found === null) {
        throw new ControlError(
          404,
          'NoSuchRoute',
          `no control route ${request.method} ${url.pathname}`,
        );
      }
      const params: Record<string, string> = {};
      for (const [name, value] of Object.entries(found.params)) params[name] = value ?? '';
      const body = await readBody(request);
      const handler = found.store as ControlHandler;
      const result = await handler({ params, query: url.searchParams, body });
      send(response, result === undefined ? 204 : 200, result);
    } catch (error) {
      if (response.headersSent) {
        request.socket.destroy();
        return;
      }
      const known = error instanceof ControlError;
      const isBadInput = error instanceof TypeError || error instanceof RangeError;
      const message = error instanceof Error ? error.message : String(error);
      send(response, known ? error.status : isBadInput ? 400 : 500, {
        error: {
          code: known ? error.code : isBadInput ? 'BadInput' : 'ControlFailed',
          message,
          ...(known || isBadInput
            ? {}
            : { stack: error instanceof Error ? error.stack : undefined }),
        },
      });
    }
  }

  const server = createServer((request, response) => {
    void handle(request, response);
  });
  // A test's client keeps its connection over pauses: the server must not be the one to close it.
  server.keepAliveTimeout = 600_000;
  return {
    registerControlRoute(method, path, handler) {
      router.on(method, path, () => undefined, handler);
    },
    async start(port = 0) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', resolve);
      });
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
