/** Conditional headers ("Specifying conditional headers for Blob service operations"). */
import type { Exchange } from './exchange.ts';
import { header } from './exchange.ts';
import type { BlobState } from './page-blob.ts';
import { storageErrors } from './storage-error.ts';

type Failure = 'if-match' | 'if-none-match' | 'if-modified-since' | 'if-unmodified-since';

function unquoted(etag: string): string {
  return etag.trim().replace(/^W\//, '').replace(/^"|"$/g, '');
}

function names(headerText: string, etag: string): boolean {
  return headerText
    .split(',')
    .some((one) => one.trim() === '*' || unquoted(one) === unquoted(etag));
}

function timeOf(name: string, text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) {
    throw storageErrors.invalidHeader(name, text);
  }
  return ms;
}

/** The first condition that does not hold. Times are compared in whole seconds, as the header has them. */
function firstFailure(
  exchange: Exchange,
  state: BlobState | undefined,
  prefix: '' | 'x-ms-source-',
): Failure | undefined {
  const ifMatch = header(exchange, `${prefix}if-match`);
  if (ifMatch !== undefined && (state === undefined || !names(ifMatch, state.etag))) {
    return 'if-match';
  }
  const ifNoneMatch = header(exchange, `${prefix}if-none-match`);
  if (ifNoneMatch !== undefined && state !== undefined && names(ifNoneMatch, state.etag)) {
    return 'if-none-match';
  }
  const modifiedMs =
    state === undefined ? undefined : Math.floor(state.lastModifiedMs / 1000) * 1000;
  const since = header(exchange, `${prefix}if-modified-since`);
  if (
    since !== undefined &&
    modifiedMs !== undefined &&
    modifiedMs <= timeOf('if-modified-since', since)
  ) {
    return 'if-modified-since';
  }
  const until = header(exchange, `${prefix}if-unmodified-since`);
  if (
    until !== undefined &&
    modifiedMs !== undefined &&
    modifiedMs > timeOf('if-unmodified-since', until)
  ) {
    return 'if-unmodified-since';
  }
  return undefined;
}

/** If-None-Match and If-Modified-Since are answered 304 to a read, the others 412. */
export function checkReadConditions(exchange: Exchange, state: BlobState): void {
  const failure = firstFailure(exchange, state, '');
  if (failure !== undefined) {
    throw storageErrors.conditionNotMet(
      failure === 'if-none-match' || failure === 'if-modified-since',
    );
  }
}

/** `state` undefined: the blob does not exist yet. `If-None-Match: *` then asks for just that. */
export function checkWriteConditions(exchange: Exchange, state: BlobState | undefined): void {
  const failure = firstFailure(exchange, state, '');
  if (failure === 'if-none-match' && header(exchange, 'if-none-match')?.trim() === '*') {
    throw storageErrors.blobAlreadyExists();
  }
  if (failure !== undefined) {
    throw storageErrors.conditionNotMet(false);
  }
}

/** `x-ms-source-if-*`. */
export function checkSourceConditions(exchange: Exchange, source: BlobState): void {
  if (firstFailure(exchange, source, 'x-ms-source-') !== undefined) {
    throw storageErrors.sourceConditionNotMet();
  }
}

/** `x-ms-if-sequence-number-le`, `-lt` and `-eq` of Put Page. */
export function checkSequenceNumber(exchange: Exchange, sequenceNumber: number): void {
  const rules: readonly [string, (limit: number) => boolean][] = [
    ['x-ms-if-sequence-number-le', (limit) => sequenceNumber <= limit],
    ['x-ms-if-sequence-number-lt', (limit) => sequenceNumber < limit],
    ['x-ms-if-sequence-number-eq', (limit) => sequenceNumber === limit],
  ];
  for (const [name, holds] of rules) {
    const text = header(exchange, name);
    if (text !== undefined && !/^\d+$/.test(text)) {
      throw storageErrors.invalidHeader(name, text);
    }
    if (text !== undefined && !holds(Number(text))) {
      throw storageErrors.sequenceNumberConditionNotMet();
    }
  }
}
