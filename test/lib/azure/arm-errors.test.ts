import { createHttpHeaders, createPipelineRequest, RestError } from '@azure/core-rest-pipeline';
import { describe, expect, it } from 'vitest';
import {
  coerceAzureError,
  isNotFound,
  parseRetryAfterMs,
  toBackupError,
} from '../../../lib/azure/arm-errors.ts';
import { failureIn } from '../../../lib/azure/failed-operation-policy.ts';
import { BackupError, ConflictError, ThrottledError } from '../../../lib/errors.ts';

const restError = (
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): RestError => {
  const request = createPipelineRequest({ url: 'https://management.azure.com/x' });
  const error = new RestError('message of the client', {
    statusCode: status,
    request,
    response: {
      status,
      request,
      headers: createHttpHeaders(headers),
      bodyAsText: typeof body === 'string' ? body : JSON.stringify(body),
    },
  });
  return error;
};

const arm = (status: number, code: string, headers?: Record<string, string>): RestError =>
  restError(status, { error: { code, message: `text of ${code}` } }, headers);

describe('coerceAzureError', () => {
  it.each([
    [429, 'SubscriptionRequestsThrottled', 'throttled'],
    [429, 'OperationNotAllowed', 'throttled'],
    [429, 'SomethingNew', 'throttled'],
    [503, 'ServerBusy', 'throttled'],
    [409, 'OperationNotAllowed', 'refused'],
    [409, 'Conflict', 'conflict'],
    [409, 'SomethingNew', 'conflict'],
    [412, 'LeaseIdMissing', 'conflict'],
    [404, 'ResourceNotFound', 'notFound'],
    [404, 'NotFound', 'notFound'],
    [404, 'ResourceGroupNotFound', 'notFound'],
    [403, 'AuthorizationFailed', 'refused'],
    [400, 'InvalidParameter', 'refused'],
    [401, 'ExpiredAuthenticationToken', 'transient'],
    [500, 'InternalServerError', 'transient'],
    [200, 'SnapshotsLimitReached', 'refused'],
    [200, 'SnapshotLimitReached', 'refused'],
    [200, 'VMAgentStatusCommunicationError', 'refused'],
    [404, 'CannotVerifyCopySource', 'refused'],
    [500, 'CannotVerifyCopySource', 'refused'],
  ])('calls %i %s %s', (status, code, kind) => {
    expect(coerceAzureError(arm(status, code))).toMatchObject({
      kind,
      code,
      statusCode: status,
      message: `text of ${code}`,
    });
  });

  it('finds throttling in the details of a code that means something else', () => {
    const error = restError(409, {
      code: 'OperationNotAllowed',
      message: 'The server rejected the request because too many requests have been received.',
      details: [{ code: 'TooManyRequests', target: 'HighCostGet30Min', message: '{}' }],
    });
    expect(coerceAzureError(error).kind).toBe('throttled');
  });

  it('reads Retry-After, and has a default for a service that sends none', () => {
    expect(coerceAzureError(arm(429, 'X', { 'Retry-After': '1200' })).retryAfterMs).toBe(1_200_000);
    expect(coerceAzureError(arm(429, 'X', { 'retry-after-ms': '250' })).retryAfterMs).toBe(250);
    expect(coerceAzureError(arm(429, 'X')).retryAfterMs).toBe(5_000);
  });

  it('reads a body that ARM wrote with capitals', () => {
    const error = restError(409, { Error: { Code: 'ScopeLocked', Message: 'locked' } });
    expect(coerceAzureError(error)).toMatchObject({ kind: 'refused', code: 'ScopeLocked' });
  });

  it('knows a HEAD without a body by its header', () => {
    const error = restError(404, '', { 'x-ms-error-code': 'BlobNotFound' });
    expect(coerceAzureError(error)).toMatchObject({ kind: 'notFound', code: 'BlobNotFound' });
    expect(isNotFound(error)).toBe(true);
  });

  it('says what Table Storage said, also when the client left it as text', () => {
    const body = {
      'odata.error': { code: 'TableNotFound', message: { lang: 'en-US', value: 'No such table.' } },
    };

    const single = coerceAzureError(restError(400, body));
    const page = coerceAzureError(
      Object.assign(new Error(JSON.stringify(body)), { statusCode: 400 }),
    );

    expect(single).toMatchObject({ code: 'TableNotFound', message: 'No such table.' });
    expect(page).toMatchObject({ code: 'TableNotFound', message: 'No such table.' });
  });

  it('keeps a refusal a refusal when it passes through twice', () => {
    const once = toBackupError(arm(403, 'AuthorizationFailed'), 'read the VM db-1');

    expect(coerceAzureError(once).kind).toBe('refused');
  });

  it('knows a table error by its odata code', () => {
    const error = Object.assign(new Error('x'), {
      statusCode: 409,
      details: { odataError: { code: 'EntityAlreadyExists' } },
    });
    expect(coerceAzureError(error)).toMatchObject({
      kind: 'conflict',
      code: 'EntityAlreadyExists',
    });
  });

  it('calls a lost connection transient', () => {
    const error = new RestError('socket hang up', { code: 'ECONNRESET' });
    expect(coerceAzureError(error)).toMatchObject({ kind: 'transient', code: 'ECONNRESET' });
  });

  it.each([undefined, null, 7, 'text', {}, [], new Error('')])('survives %s', (thrown) => {
    expect(coerceAzureError(thrown).message.length).toBeGreaterThan(0);
  });

  it('keeps neither the request id lines nor an echoed SAS', () => {
    const error = restError(400, {
      error: {
        code: 'InvalidHeaderValue',
        message: 'bad x-ms-copy-source https://md-1.blob/x?sig=c2VjcmV0\nRequestId:1\nTime:2',
      },
    });
    const { message } = coerceAzureError(error);
    expect(message).not.toContain('c2VjcmV0');
    expect(message).not.toContain('RequestId');
  });
});

describe('toBackupError', () => {
  it('makes throttling, conflicts and the rest distinguishable', () => {
    const throttled = toBackupError(arm(429, 'X', { 'retry-after': '7' }), 'read it');
    expect(throttled).toBeInstanceOf(ThrottledError);
    expect((throttled as ThrottledError).retryAfterMs).toBe(7_000);
    expect(toBackupError(arm(412, 'ConditionNotMet'), 'write it')).toBeInstanceOf(ConflictError);
    const other = toBackupError(arm(403, 'AuthorizationFailed'), 'read the VM db-1', 'db-1');
    expect(other).toMatchObject({ errorCode: 'AuthorizationFailed', target: 'db-1' });
    expect(other.message).toContain('read the VM db-1');
  });

  it('passes its own errors through', () => {
    const own = new BackupError('Mine', 'text');
    expect(toBackupError(own, 'do it')).toBe(own);
  });
});

describe('parseRetryAfterMs', () => {
  it('reads seconds and dates, and bounds both', () => {
    expect(parseRetryAfterMs('3')).toBe(3_000);
    expect(parseRetryAfterMs(new Date(Date.now() + 10_000).toUTCString())).toBeGreaterThan(5_000);
    expect(parseRetryAfterMs(new Date(Date.now() - 10_000).toUTCString())).toBe(0);
    expect(parseRetryAfterMs('999999999')).toBe(3_600_000);
    for (const unusable of ['', 'soon', '-1', undefined, null]) {
      expect(parseRetryAfterMs(unusable)).toSatisfy((ms) => ms === undefined || ms === 0);
    }
  });
});

describe('failureIn', () => {
  it('finds code and message of a failed operation, and nothing in a resource', () => {
    const body = { status: 'Failed', error: { code: 'InvalidParameter', message: 'no' } };
    expect(failureIn(JSON.stringify(body))).toEqual({ code: 'InvalidParameter', message: 'no' });
    expect(failureIn(JSON.stringify({ status: 'Canceled' }))?.code).toBe('OperationCanceled');
    expect(failureIn(JSON.stringify({ status: 'InProgress' }))).toBeUndefined();
    expect(
      failureIn(JSON.stringify({ name: 'vm', properties: { status: 'Failed' } })),
    ).toBeUndefined();
    expect(failureIn('not json "status"')).toBeUndefined();
    expect(failureIn(undefined)).toBeUndefined();
  });
});
