import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServiceName } from '../contracts.ts';

export interface ServiceError {
  readonly status: number;
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const usualCodes: Readonly<
  Record<ServiceName, Readonly<Record<number, readonly [string, string]>>>
> = {
  arm: {
    429: ['TooManyRequests', 'The request is being throttled.'],
    500: ['InternalServerError', 'Encountered internal server error.'],
    503: ['ServiceUnavailable', 'The service is temporarily unavailable.'],
  },
  blob: {
    500: [
      'InternalError',
      'Server encountered an internal error. Please try again after some time.',
    ],
    503: ['ServerBusy', 'The server is busy.'],
  },
  disk: {
    500: [
      'InternalError',
      'Server encountered an internal error. Please try again after some time.',
    ],
    503: ['ServerBusy', 'The server is busy.'],
  },
  queue: {
    500: [
      'InternalError',
      'Server encountered an internal error. Please try again after some time.',
    ],
    503: ['ServerBusy', 'The server is busy.'],
  },
  table: {
    500: [
      'InternalError',
      'Server encountered an internal error. Please try again after some time.',
    ],
    503: ['ServerBusy', 'The server is busy.'],
  },
  identity: {
    429: ['TooManyRequests', 'Too many requests.'],
    500: ['InternalServerError', 'An unexpected error occured while fetching the token.'],
  },
};

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Answers with an error in the shape of the service: JSON for ARM and tables, XML for the others. */
export function writeServiceError(
  service: ServiceName,
  request: IncomingMessage,
  response: ServerResponse,
  error: ServiceError,
): void {
  const [usualCode, usualMessage] = usualCodes[service][error.status] ?? [
    `Http${error.status}`,
    'The request was refused.',
  ];
  const code = error.code ?? usualCode;
  const message = error.message ?? usualMessage;
  for (const [name, value] of Object.entries(error.headers ?? {})) response.setHeader(name, value);
  response.statusCode = error.status;
  let body: string;
  if (service === 'arm') {
    response.setHeader('content-type', 'application/json; charset=utf-8');
    body = JSON.stringify({ error: { code, message } });
  } else if (service === 'identity') {
    response.setHeader('content-type', 'application/json; charset=utf-8');
    body = JSON.stringify({ statusCode: error.status, message });
  } else {
    const requestId = String(response.getHeader('x-ms-request-id') ?? '');
    const dated = `${message}\nRequestId:${requestId}\nTime:${new Date().toISOString()}`;
    response.setHeader('x-ms-error-code', code);
    if (service === 'table') {
      response.setHeader('content-type', 'application/json;odata=minimalmetadata;charset=utf-8');
      body = JSON.stringify({
        'odata.error': { code, message: { lang: 'en-US', value: dated } },
      });
    } else {
      response.setHeader('content-type', 'application/xml');
      body = `<?xml version="1.0" encoding="utf-8"?><Error><Code>${escapeXml(code)}</Code><Message>${escapeXml(dated)}</Message></Error>`;
    }
  }
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  response.setHeader('content-length', Buffer.byteLength(body));
  response.end(body);
}
