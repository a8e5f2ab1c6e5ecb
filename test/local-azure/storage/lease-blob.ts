/** Lease Blob, for page blobs. */
import { randomUUID } from 'node:crypto';
import { identityHeaders } from './blob-properties.ts';
import { checkWriteConditions } from './conditions.ts';
import type { Exchange } from './exchange.ts';
import { header, sendEmpty } from './exchange.ts';
import type { PageBlob } from './page-blob.ts';
import { storageErrors } from './storage-error.ts';

const GUID = /^\{?\(?[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\)?\}?$/;

/** `PUT ?comp=lease`. A lease changes neither ETag nor Last-Modified. */
export function leaseBlob(exchange: Exchange, blob: PageBlob): void {
  const action = header(exchange, 'x-ms-lease-action')?.toLowerCase();
  const nowMs = Date.now();
  const { lease, state } = blob;
  checkWriteConditions(exchange, state);
  const answer = (status: number, extra: Readonly<Record<string, string>>) =>
    sendEmpty(exchange, status, { ...identityHeaders(state), ...extra });
  switch (action) {
    case 'acquire': {
      const duration = leaseDuration(exchange);
      const proposed = optionalGuid(exchange, 'x-ms-proposed-lease-id') ?? randomUUID();
      answer(201, { 'x-ms-lease-id': lease.acquire(nowMs, duration, proposed) });
      return;
    }
    case 'renew':
      answer(200, { 'x-ms-lease-id': lease.renew(nowMs, requiredGuid(exchange, 'x-ms-lease-id')) });
      return;
    case 'change': {
      const id = requiredGuid(exchange, 'x-ms-lease-id');
      const proposed = requiredGuid(exchange, 'x-ms-proposed-lease-id');
      answer(200, { 'x-ms-lease-id': lease.change(nowMs, id, proposed) });
      return;
    }
    case 'release':
      lease.release(nowMs, requiredGuid(exchange, 'x-ms-lease-id'));
      answer(200, {});
      return;
    case 'break':
      answer(202, { 'x-ms-lease-time': String(lease.breakLease(nowMs, breakPeriod(exchange))) });
      return;
    case undefined:
      throw storageErrors.missingHeader('x-ms-lease-action');
    default:
      throw storageErrors.invalidHeader('x-ms-lease-action', action);
  }
}

function leaseDuration(exchange: Exchange): number {
  const name = 'x-ms-lease-duration';
  const text = header(exchange, name);
  if (text === undefined) {
    throw storageErrors.missingHeader(name);
  }
  const seconds = Number(text);
  if (seconds !== -1 && !(Number.isInteger(seconds) && seconds >= 15 && seconds <= 60)) {
    throw storageErrors.invalidHeader(name, text);
  }
  return seconds;
}

function breakPeriod(exchange: Exchange): number | undefined {
  const name = 'x-ms-lease-break-period';
  const text = header(exchange, name);
  if (text === undefined) {
    return undefined;
  }
  const seconds = Number(text);
  if (!(Number.isInteger(seconds) && seconds >= 0 && seconds <= 60)) {
    throw storageErrors.invalidHeader(name, text);
  }
  return seconds;
}

function optionalGuid(exchange: Exchange, name: string): string | undefined {
  const text = header(exchange, name);
  if (text !== undefined && !GUID.test(text)) {
    throw storageErrors.invalidHeader(name, text);
  }
  return text;
}

function requiredGuid(exchange: Exchange, name: string): string {
  const text = optionalGuid(exchange, name);
  if (text === undefined) {
    throw storageErrors.missingHeader(name);
  }
  return text;
}
