import { BackupError, ConflictError, RefusedByServiceError, ThrottledError } from '../errors.ts';
import { maskSecrets } from './secret-masking.ts';

/**
 * refused: final, whatever the number of tries. throttled: ask again after `retryAfterMs`.
 * transient: a later try may succeed. conflict: somebody else holds or changed it. notFound: it, or
 * what it stands in, is not there.
 */
export type AzureErrorKind = 'refused' | 'throttled' | 'transient' | 'conflict' | 'notFound';

/** An error of ARM, of a resource provider or of Azure Storage, without its secrets. */
export interface AzureError {
  readonly kind: AzureErrorKind;
  /** The service's own code (`SnapshotLimitReached`), or one that we made from the HTTP status. */
  readonly code: string;
  /** The service's text: first line, masked, at most 500 characters. */
  readonly message: string;
  readonly statusCode?: number;
  /** Only when throttled. A default where the service named none. */
  readonly retryAfterMs?: number;
}

/**
 * Codes that say more than their HTTP status, as seen in public threads and Azure's documents.
 * Everything else goes by its status (`kindOfStatus`).
 */
const KIND_OF_CODE: Readonly<Record<string, AzureErrorKind>> = {
  // Throttling. ARM itself, then providers. Network's RetryableError is contention that it reports
  // as 429 (pulumi-azure-native#3720).
  SubscriptionRequestsThrottled: 'throttled',
  TooManyRequests: 'throttled',
  RetryableError: 'throttled',
  ServerBusy: 'throttled',
  // Conflicts: another write of the same thing. Without Retry-After, mostly (azure-cli#15765).
  Conflict: 'conflict',
  AnotherOperationInProgress: 'conflict',
  AttachDiskWhileBeingDetached: 'conflict',
  ConcurrentModification: 'conflict',
  ConditionNotMet: 'conflict',
  TargetConditionNotMet: 'conflict',
  UpdateConditionNotSatisfied: 'conflict',
  EntityAlreadyExists: 'conflict',
  BlobAlreadyExists: 'conflict',
  AppendPositionConditionNotMet: 'conflict',
  LeaseAlreadyPresent: 'conflict',
  LeaseIdMissing: 'conflict',
  LeaseIdMismatchWithBlobOperation: 'conflict',
  LeaseIdMismatchWithLeaseOperation: 'conflict',
  LeaseLost: 'conflict',
  LeaseNotPresentWithBlobOperation: 'conflict',
  LeaseNotPresentWithLeaseOperation: 'conflict',
  LeaseIsBreakingAndCannotBeAcquired: 'conflict',
  LeaseIsBreakingAndCannotBeChanged: 'conflict',
  LeaseIsBrokenAndCannotBeRenewed: 'conflict',
  PendingCopyOperation: 'conflict',
  // A lock still refuses for a while after it was removed, but whoever locks means it
  // (azure-sdk-for-python#8016).
  ScopeLocked: 'refused',
  // 409 or 429: quotas, wrong power state, attached disks. Throttling under this name is found by its
  // details (Azure's "Troubleshoot API throttling errors").
  OperationNotAllowed: 'refused',
  PropertyChangeNotAllowed: 'refused',
  ConflictingUserInput: 'refused',
  // Both spellings of one limit occur (azure-sdk-for-python#14282).
  SnapshotsLimitReached: 'refused',
  SnapshotLimitReached: 'refused',
  QuotaExceeded: 'refused',
  SkuNotAvailable: 'refused',
  RequestDisallowedByPolicy: 'refused',
  AuthorizationFailed: 'refused',
  LinkedAuthorizationFailed: 'refused',
  InvalidVhd: 'refused',
  SnapshotsPresent: 'refused',
  CopySourceCannotBeIncrementalCopyBlob: 'refused',
  VMAgentStatusCommunicationError: 'refused',
  // An expired token is fetched again by the next try.
  ExpiredAuthenticationToken: 'transient',
  AllocationFailed: 'transient',
  ZonalAllocationFailed: 'transient',
  OverconstrainedAllocationRequest: 'transient',
  InternalError: 'transient',
  InternalServerError: 'transient',
  InternalExecutionError: 'transient',
  InternalOperationError: 'transient',
  OperationTimedOut: 'transient',
  OperationPreempted: 'transient',
  ServiceUnavailable: 'transient',
  TimedOut: 'transient',
  // 403, 404, 409 or 500 of one and the same cause: the target could not read the source.
  CannotVerifyCopySource: 'refused',
  ResourceNotFound: 'notFound',
  ResourceGroupNotFound: 'notFound',
  ParentResourceNotFound: 'notFound',
  NotFound: 'notFound',
  BlobNotFound: 'notFound',
  ContainerNotFound: 'notFound',
  TableNotFound: 'notFound',
  EntityNotFound: 'notFound',
};

const kindOfStatus = (status: number): AzureErrorKind => {
  if (status === 429 || status === 503) return 'throttled';
  if (status === 404 || status === 410) return 'notFound';
  if (status === 409 || status === 412 || status === 304) return 'conflict';
  if (status === 408 || status === 401 || status >= 500) return 'transient';
  return 'refused';
};

const kindOfUnknownCode = (error: Fields, statusCode: number | undefined): AzureErrorKind => {
  if (statusCode !== undefined) return kindOfStatus(statusCode);
  // A long-running operation that failed: ARM answered 200, and the platform gave its reason.
  if (fieldsOf(error['response'])['status'] === 200) return 'refused';
  // No status at all: the request or its answer was lost on the way.
  return 'transient';
};

/** When a service throttles without saying for how long. */
const DEFAULT_RETRY_AFTER_MS = 5_000;
/** Longer waits are real (Compute sends 1200 s); this bound only catches nonsense. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const parsed = (text: unknown): unknown => {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const headerOf = (error: Fields, name: string): string | undefined => {
  const headers = fieldsOf(fieldsOf(error['response'])['headers']);
  const get = headers['get'];
  return typeof get === 'function'
    ? textOf((get as (this: unknown, name: string) => unknown).call(headers, name))
    : undefined;
};

/** `{error: {...}}`, the bare object, or ARM's own capitalised form. */
const armBodyOf = (error: Fields): Fields => {
  const details = fieldsOf(error['details']);
  const body = fieldsOf(parsed(fieldsOf(error['response'])['bodyAsText']));
  for (const candidate of [details['error'], body['error'], body['Error'], body, details]) {
    const fields = fieldsOf(candidate);
    if (textOf(fields['code']) !== undefined || textOf(fields['Code']) !== undefined) return fields;
  }
  return {};
};

/**
 * What Table Storage says: `{"odata.error": {code, message: {lang, value}}}`, parsed by data-tables for
 * single operations, and left as text in the message for pages of a list.
 */
const odataOf = (error: Fields): Fields => {
  const details = fieldsOf(error['details']);
  const texts = [fieldsOf(error['response'])['bodyAsText'], error['message']];
  const bodies = texts.map((text) => fieldsOf(parsed(text))['odata.error']);
  return fieldsOf(details['odataError'] ?? bodies.find((one) => one !== undefined));
};

const codeOf = (error: Fields, body: Fields, odata: Fields): string | undefined => {
  const details = fieldsOf(error['details']);
  return (
    // HEAD answers have no body: only the header and `details.errorCode` tell.
    textOf(headerOf(error, 'x-ms-error-code')) ??
    textOf(details['errorCode']) ??
    // data-tables: a single operation has no `code`, a batch has.
    textOf(odata['code']) ??
    textOf(body['code']) ??
    textOf(body['Code']) ??
    textOf(error['code']) ??
    textOf(error['errorCode'])
  );
};

/** Compute throttles under a code that 409 uses too; the details say `TooManyRequests`. */
const saysTooManyRequests = (body: Fields): boolean => {
  const details = body['details'] ?? body['Details'];
  return (
    Array.isArray(details) &&
    details.some((detail) => fieldsOf(detail)['code'] === 'TooManyRequests')
  );
};

const retryAfterOf = (error: Fields): number => {
  const inMs = Number(headerOf(error, 'retry-after-ms') ?? headerOf(error, 'x-ms-retry-after-ms'));
  if (Number.isFinite(inMs) && inMs >= 0) return Math.min(inMs, LONGEST_RETRY_AFTER_MS);
  return parseRetryAfterMs(headerOf(error, 'retry-after')) ?? DEFAULT_RETRY_AFTER_MS;
};

/** The value of a `Retry-After` header: whole seconds or an HTTP date. Undefined when unusable. */
export const parseRetryAfterMs = (header: string | undefined | null): number | undefined => {
  if (header === undefined || header === null) return undefined;
  const text = header.trim();
  if (text === '') return undefined;
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, LONGEST_RETRY_AFTER_MS);
  const ms = Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), LONGEST_RETRY_AFTER_MS) : undefined;
};

/** Later lines of a storage message hold the request id and time; no line may hold a secret. */
const tidy = (text: string): string => maskSecrets(text.split('\n', 1)[0] ?? '').slice(0, 500);

/** What went wrong, from whatever an Azure SDK client threw. Never throws. */
export function coerceAzureError(error: unknown): AzureError {
  if (error instanceof BackupError) return ofBackupError(error);
  const fields = fieldsOf(error);
  const body = armBodyOf(fields);
  const status = fields['statusCode'];
  const statusCode = typeof status === 'number' ? status : undefined;
  const odata = odataOf(fields);
  const named = codeOf(fields, body, odata);
  const code = named ?? (statusCode === undefined ? 'NetworkError' : `Http${statusCode}`);
  const byCode = Object.hasOwn(KIND_OF_CODE, code) ? KIND_OF_CODE[code] : undefined;
  const throttledStatus = statusCode === 429;
  const kind: AzureErrorKind =
    throttledStatus || saysTooManyRequests(body)
      ? 'throttled'
      : (byCode ?? kindOfUnknownCode(fields, statusCode));
  const message =
    textOf(body['message']) ??
    textOf(body['Message']) ??
    textOf(fieldsOf(odata['message'])['value']) ??
    textOf(fields['message']) ??
    (typeof error === 'string' && error !== '' ? error : 'no message');
  return {
    kind,
    code: maskSecrets(code),
    message: tidy(message),
    ...(statusCode === undefined ? {} : { statusCode }),
    ...(kind === 'throttled' ? { retryAfterMs: retryAfterOf(fields) } : {}),
  };
}

const ofBackupError = (error: BackupError): AzureError => {
  const { errorCode: code, message } = error;
  if (error instanceof ThrottledError) {
    return { kind: 'throttled', code, message, retryAfterMs: error.retryAfterMs };
  }
  if (error instanceof RefusedByServiceError) return { kind: 'refused', code, message };
  return { kind: error instanceof ConflictError ? 'conflict' : 'transient', code, message };
};

/**
 * The error that an adapter throws for `error`: throttling, conflicts and refusals as their own classes,
 * everything else as a `BackupError` whose `errorCode` is the service's code. `action` says what was
 * tried: `read the VM db-1`. The original is not kept as `cause`: it holds URLs and headers.
 */
export function toBackupError(error: unknown, action: string, target?: string): BackupError {
  if (error instanceof BackupError) return error;
  const known = coerceAzureError(error);
  const options = target === undefined ? {} : { target };
  const message = `Could not ${action}: ${known.code}: ${known.message}`;
  if (known.kind === 'throttled') {
    return new ThrottledError(message, known.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS, options);
  }
  if (known.kind === 'conflict') return new ConflictError(message, options);
  if (known.kind === 'refused') return new RefusedByServiceError(known.code, message, options);
  return new BackupError(known.code, message, options);
}

/** Whether the thing itself, or the group or container it stands in, does not exist. */
export const isNotFound = (error: unknown): boolean => coerceAzureError(error).kind === 'notFound';
