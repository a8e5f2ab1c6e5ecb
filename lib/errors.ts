/**
 * Thrown for what a retry may cure, or for what must not happen. A final refusal is an `Outcome`.
 * `errorCode`, not `code`: the Functions worker redacts text that looks like `code=…`.
 */
export class BackupError extends Error {
  readonly errorCode: string;
  readonly target: string | undefined;

  constructor(errorCode: string, message: string, options?: ErrorOptions & { target?: string }) {
    super(message, options);
    this.name = 'BackupError';
    this.errorCode = errorCode;
    this.target = options?.target;
  }
}

/** The service asked us to wait. Orchestrations turn `retryAfterMs` into a durable timer. */
export class ThrottledError extends BackupError {
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number, options?: ErrorOptions & { target?: string }) {
    super('Throttled', message, options);
    this.name = 'ThrottledError';
    this.retryAfterMs = retryAfterMs;
  }
}

/** A service said no for good: a missing right, a quota, a policy. `errorCode` is the service's own. */
export class RefusedByServiceError extends BackupError {
  constructor(errorCode: string, message: string, options?: ErrorOptions & { target?: string }) {
    super(errorCode, message, options);
    this.name = 'RefusedByServiceError';
  }
}

/** Somebody else changed or holds what we wanted to write: an etag, a lease, a lock. */
export class ConflictError extends BackupError {
  constructor(message: string, options?: ErrorOptions & { target?: string }) {
    super('Conflict', message, options);
    this.name = 'ConflictError';
  }
}

/** Stored data (row, manifest, metadata) or a foreign answer that does not have the promised form. */
export class MalformedDataError extends BackupError {
  constructor(message: string, options?: ErrorOptions & { target?: string }) {
    super('MalformedData', message, options);
    this.name = 'MalformedDataError';
  }
}
