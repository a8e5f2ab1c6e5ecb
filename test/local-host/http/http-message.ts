import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RpcCookie, RpcHttp } from '../core/worker-protocol.ts';

/** The largest request body that the genuine host takes by default, in bytes (100 MiB). */
const LARGEST_BODY_BYTES = 104_857_600;

/** Reads the body of a request; undefined when it is too large. */
export async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > LARGEST_BODY_BYTES) {
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The URL that the client asked for. */
export function toUrl(request: IncomingMessage): URL {
  return new URL(request.url ?? '/', `http://${request.headers.host ?? '127.0.0.1'}`);
}

function nullable(entries: Iterable<[string, string]>): Record<string, { value: string }> {
  return Object.fromEntries([...entries].map(([key, value]) => [key, { value }]));
}

/** Repeated query parameters arrive joined by commas, as on the genuine host. */
function joinQuery(query: URLSearchParams): Map<string, string> {
  const joined = new Map<string, string>();
  for (const [key, value] of query) {
    const before = joined.get(key);
    joined.set(key, before === undefined ? value : `${before},${value}`);
  }
  return joined;
}

/** The request as the worker protocol carries it. */
export function toRpcRequest(
  request: IncomingMessage,
  url: URL,
  params: Record<string, string>,
  body: Buffer,
): RpcHttp {
  const headers = Object.entries(request.headers).map(([key, value]): [string, string] => [
    key,
    Array.isArray(value) ? value.join(', ') : (value ?? ''),
  ]);
  return {
    url: url.href,
    method: request.method ?? 'GET',
    nullableHeaders: nullable(headers),
    nullableQuery: nullable(joinQuery(url.searchParams)),
    nullableParams: nullable(Object.entries(params)),
    body: { bytes: body },
  };
}

const SAME_SITE = { none: undefined, lax: 'Lax', strict: 'Strict', explicitNone: 'None' } as const;

function formatCookie(cookie: RpcCookie): string {
  const expires = cookie.expires?.value?.seconds;
  const sameSite = SAME_SITE[cookie.sameSite ?? 'none'];
  const parts = [
    `${cookie.name ?? ''}=${encodeURIComponent(cookie.value ?? '')}`,
    expires === undefined ? '' : `Expires=${new Date(Number(expires) * 1000).toUTCString()}`,
    cookie.maxAge?.value === undefined ? '' : `Max-Age=${cookie.maxAge.value}`,
    cookie.domain?.value ? `Domain=${cookie.domain.value}` : '',
    cookie.path?.value ? `Path=${cookie.path.value}` : '',
    cookie.secure?.value ? 'Secure' : '',
    cookie.httpOnly?.value ? 'HttpOnly' : '',
    sameSite ? `SameSite=${sameSite}` : '',
  ];
  return parts.filter((part) => part !== '').join('; ');
}

/** Writes a status without body: how the host itself answers 401, 404, 500 and 503. */
export function sendEmpty(response: ServerResponse, status: number): void {
  if (response.headersSent) {
    response.end();
    return;
  }
  for (const name of response.getHeaderNames()) {
    response.removeHeader(name);
  }
  response.writeHead(status, { 'content-length': 0 }).end();
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const present = Object.entries(headers).filter(([, value]) => value !== '');
  response
    .writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      ...Object.fromEntries(present),
    })
    .end(JSON.stringify(body));
}

/** Writes what an HTTP function answered; nothing at all is 204. */
export function sendRpcResponse(response: ServerResponse, http: RpcHttp | undefined): void {
  if (!http) {
    response.writeHead(204).end();
    return;
  }
  const status = Number(http.statusCode ?? '200');
  const body = http.body?.bytes ?? Buffer.from(http.body?.string ?? '');
  for (const [name, value] of Object.entries(http.headers ?? {})) {
    response.setHeader(name, value);
  }
  if (http.cookies && http.cookies.length > 0) {
    response.setHeader('set-cookie', http.cookies.map(formatCookie));
  }
  if (status !== 204 && status !== 304) {
    response.setHeader('content-length', body.length);
  }
  response.writeHead(status).end(Buffer.from(body));
}
