/** One request to a storage service and the ways to answer it. */
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createBodyBuffers } from './body-buffers.ts';
import { StorageError, storageErrors } from './storage-error.ts';
import { escapeXml } from './xml.ts';

/** The version that a request without `x-ms-version` and without SAS is served by. */
const defaultVersion = '2026-04-06';

/** What authorisation needs to know of a request; also made up for a copy source. */
export interface RequestView {
  readonly method: string;
  /** Lower-case names. */
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string | undefined;
  /** Path-style: `/account/container/blob`, still encoded, without the query. */
  readonly rawPath: string;
  readonly account: string;
  /** Decoded; '' when the path ends before. */
  readonly container: string;
  readonly blob: string;
  readonly query: URLSearchParams;
  readonly version: string;
}

export interface Exchange extends RequestView {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Reads the address of a request. Throws a StorageError for an address that is none. */
export function openExchange(request: IncomingMessage, response: ServerResponse): Exchange {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  const requestId = String(response.getHeader('x-ms-request-id') ?? randomUUID());
  const version = headerOf(request.headers, 'x-ms-version') ?? query.get('sv') ?? defaultVersion;
  response.setHeader('x-ms-request-id', requestId);
  response.setHeader('x-ms-version', version);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(version)) {
    throw storageErrors.invalidHeader('x-ms-version', version);
  }
  return {
    request,
    response,
    method: request.method ?? 'GET',
    headers: request.headers,
    remoteAddress: request.socket.remoteAddress,
    rawPath,
    query,
    version,
    ...splitBlobPath(rawPath),
  };
}

export interface BlobAddress {
  readonly account: string;
  readonly container: string;
  readonly blob: string;
}

/** `/account/container/blob`, decoded. Throws InvalidUri. */
export function splitBlobPath(rawPath: string): BlobAddress {
  const first = rawPath.indexOf('/', 1);
  if (first < 0) {
    return { account: decodePath(rawPath.slice(1)), container: '', blob: '' };
  }
  const second = rawPath.indexOf('/', first + 1);
  return {
    account: decodePath(rawPath.slice(1, first)),
    container: decodePath(second < 0 ? rawPath.slice(first + 1) : rawPath.slice(first + 1, second)),
    blob: second < 0 ? '' : decodePath(rawPath.slice(second + 1)),
  };
}

function decodePath(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw storageErrors.invalidUri();
  }
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  const text = Array.isArray(value) ? value.join(',') : value;
  return text === '' ? undefined : text;
}

/** A header of the request; an empty one counts as absent. */
export function header(request: RequestView, name: string): string | undefined {
  return headerOf(request.headers, name);
}

export type ResponseHeaders = Readonly<Record<string, string | number | undefined>>;

function setHeaders(response: ServerResponse, headers: ResponseHeaders): void {
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) {
      response.setHeader(name, value);
    }
  }
}

/** Answers without a body. */
export function sendEmpty(exchange: Exchange, status: number, headers: ResponseHeaders = {}): void {
  const { response } = exchange;
  setHeaders(response, headers);
  if (response.getHeader('content-length') === undefined && status !== 304 && status !== 204) {
    response.setHeader('content-length', 0);
  }
  response.statusCode = status;
  response.end();
}

/** Answers with bytes; Content-Length is theirs unless given. */
export function sendBytes(
  exchange: Exchange,
  status: number,
  body: Buffer,
  headers: ResponseHeaders,
): void {
  const { response } = exchange;
  setHeaders(response, { 'content-length': body.length, ...headers });
  response.statusCode = status;
  response.end(body);
}

/** Storage begins its XML with a byte order mark; clients must cope (Azure/azure-sdk-for-go#22139). */
export function sendXml(
  exchange: Exchange,
  status: number,
  xml: string,
  headers: ResponseHeaders = {},
): void {
  const body = Buffer.from(`\uFEFF<?xml version="1.0" encoding="utf-8"?>${xml}`, 'utf8');
  sendBytes(exchange, status, body, { 'content-type': 'application/xml', ...headers });
}

/** HEAD gets the code only as a header (Azure/azure-storage-azcopy#2547), 304 no body at all. */
export function sendStorageError(
  request: IncomingMessage,
  response: ServerResponse,
  error: StorageError,
): void {
  const { status, code, message, elements = {}, headers = {} } = error.details;
  // What is left of a refused body is read and dropped, so that the connection can be used again.
  request.resume();
  for (const name of response.getHeaderNames()) {
    if (!name.startsWith('x-ms-')) {
      response.removeHeader(name);
    }
  }
  setHeaders(response, { ...headers, 'x-ms-error-code': code });
  response.statusCode = status;
  if (request.method === 'HEAD' || status === 304) {
    response.end();
    return;
  }
  const requestId = String(response.getHeader('x-ms-request-id') ?? '');
  const text = `${message}\nRequestId:${requestId}\nTime:${new Date().toISOString()}`;
  const extra = Object.entries(elements)
    .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
    .join('');
  const body = Buffer.from(
    `\uFEFF<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${escapeXml(text)}</Message>${extra}</Error>`,
    'utf8',
  );
  setHeaders(response, { 'content-type': 'application/xml', 'content-length': body.length });
  response.end(body);
}

/** Runs a handler; what it refuses becomes an answer, what breaks goes to the front. */
export async function answerErrors(
  request: IncomingMessage,
  response: ServerResponse,
  handle: () => Promise<void> | void,
): Promise<void> {
  try {
    await handle();
  } catch (error) {
    if (!(error instanceof StorageError) || response.headersSent) {
      throw error;
    }
    sendStorageError(request, response, error);
  }
}

const bodies = createBodyBuffers();

/**
 * Gives the whole request body to `use`, after which it is gone. A body longer than `maxBytes` is
 * refused by its Content-Length, before it is read; storage takes no chunked bodies.
 */
export async function withBody(
  exchange: Exchange,
  maxBytes: number,
  use: (body: Buffer) => void,
): Promise<void> {
  const declared = header(exchange, 'content-length');
  if (declared === undefined) {
    throw storageErrors.missingContentLength();
  }
  const lengthBytes = Number(declared);
  if (lengthBytes > maxBytes) {
    throw storageErrors.bodyTooLarge(maxBytes);
  }
  const buffer = bodies.take(lengthBytes);
  try {
    let received = 0;
    await new Promise<void>((resolve, reject) => {
      exchange.request.on('data', (part: Buffer) => {
        part.copy(buffer, received);
        received += part.length;
      });
      exchange.request.once('end', resolve);
      exchange.request.once('error', reject);
      exchange.request.once('close', () => {
        reject(new Error(`the request ended after ${received} of ${lengthBytes} bytes`));
      });
    });
    use(buffer.subarray(0, lengthBytes));
  } finally {
    bodies.giveBack(buffer);
  }
}
