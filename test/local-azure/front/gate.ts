import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FrontOptions } from '../contracts.ts';
import { writeServiceError } from './error-body.ts';
import type { Fault, FaultAction, FaultList } from './faults.ts';
import type { SettableRegionSwitch } from './region-switch.ts';
import { pathWithoutSecrets, type RequestLog } from './request-log.ts';

export interface GateParts {
  readonly log: RequestLog;
  readonly faults: FaultList;
  readonly regions: SettableRegionSwitch;
  readonly newRequestId: () => string;
  /** Told of every error thrown by a handler. */
  readonly reportError: (error: unknown, context: string) => void;
}

/** What a fault wants of the long-running operation that a request starts. */
export type OperationFault = Pick<FaultAction, 'asyncFailure' | 'asyncLatencyMs'>;

const operationFaults = new WeakMap<IncomingMessage, OperationFault>();

export function operationFaultOf(request: IncomingMessage): OperationFault | undefined {
  return operationFaults.get(request);
}

const maxEchoedIdLength = 1024;

function headerValue(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/**
 * Storage echoes `x-ms-client-request-id` of up to 1,024 visible ASCII characters always, ARM only
 * when `x-ms-return-client-request-id: true` came with it (Common parameters and headers, Azure REST).
 */
function setRequestIds(
  options: FrontOptions,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): void {
  response.setHeader('x-ms-request-id', requestId);
  if (options.service === 'arm') response.setHeader('x-ms-correlation-request-id', requestId);
  const clientId = headerValue(request, 'x-ms-client-request-id');
  if (clientId === undefined || clientId.length > maxEchoedIdLength) return;
  const isWanted =
    options.service !== 'arm' || headerValue(request, 'x-ms-return-client-request-id') === 'true';
  if (isWanted) response.setHeader('x-ms-client-request-id', clientId);
}

/** Lets the handler believe that it answers, and cuts the connection where the answer would end. */
function withholdAnswer(request: IncomingMessage, response: ServerResponse): void {
  const cut = () => {
    request.socket.destroy();
    return response;
  };
  Object.assign(response, {
    writeHead: () => response,
    flushHeaders: () => undefined,
    write: () => true,
    end: cut,
  });
}

function applyFault(
  fault: Fault,
  options: FrontOptions,
  request: IncomingMessage,
  response: ServerResponse,
): 'answered' | 'go on' {
  const { action } = fault;
  if (action.resetBefore) {
    request.socket.destroy();
    return 'answered';
  }
  if (action.hang) {
    request.resume();
    return 'answered';
  }
  if (action.status !== undefined) {
    request.resume();
    writeServiceError(options.service, request, response, {
      status: action.status,
      code: action.code,
      message: action.message,
      headers: action.headers,
    });
    return 'answered';
  }
  if (action.asyncFailure !== undefined || action.asyncLatencyMs !== undefined) {
    operationFaults.set(request, action);
  }
  if (action.resetAfter) withholdAnswer(request, response);
  return 'go on';
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}

/** The listener that stands before a service: request log, region switch, faults, request ids. */
export function createGate(
  options: FrontOptions,
  parts: GateParts,
): (request: IncomingMessage, response: ServerResponse) => void {
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const number = parts.log.nextNumber();
    const startMs = performance.timeOrigin + performance.now();
    const url = request.url ?? '/';
    const method = request.method ?? 'GET';
    const description = options.describe?.(request) ?? {};
    const region = description.region ?? options.region;
    const { operation, identity } = description;
    const socket = request.socket;
    const writtenBefore = socket.bytesWritten;
    let fault: Fault | undefined;
    let isLogged = false;

    const logOnce = () => {
      if (isLogged) return;
      isLogged = true;
      parts.log.add({
        number,
        service: options.service,
        ...(region === undefined ? {} : { region }),
        method,
        path: pathWithoutSecrets(url),
        ...(operation === undefined ? {} : { operation }),
        ...(identity === undefined ? {} : { identity }),
        status: response.headersSent ? response.statusCode : 0,
        startMs,
        endMs: performance.timeOrigin + performance.now(),
        requestBytes: Number(request.headers['content-length'] ?? 0),
        responseBytes: Math.max(0, socket.bytesWritten - writtenBefore),
        ...(fault === undefined ? {} : { fault: fault.id }),
      });
    };
    response.once('finish', logOnce);
    response.once('close', logOnce);
    response.on('error', (error) => {
      parts.reportError(error, `${options.service} ${method} ${pathWithoutSecrets(url)}: answer`);
    });

    if (options.region !== undefined && parts.regions.isOff(options.region)) {
      socket.destroy();
      return;
    }
    setRequestIds(options, request, response, parts.newRequestId());
    fault = parts.faults.draw({ service: options.service, region, method, url, operation });
    if (fault !== undefined) {
      if (fault.action.latencyMs !== undefined) await pause(fault.action.latencyMs);
      if (applyFault(fault, options, request, response) === 'answered') return;
    }
    await options.handle(request, response);
  }

  return (request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (response.destroyed || request.socket.destroyed) return;
      parts.reportError(
        error,
        `${options.service} ${request.method} ${pathWithoutSecrets(request.url ?? '')}`,
      );
      if (response.headersSent) {
        request.socket.destroy();
        return;
      }
      writeServiceError(options.service, request, response, {
        status: 500,
        code: 'InternalError',
        message: 'The server encountered an internal error. Please retry the request.',
      });
    });
  };
}
