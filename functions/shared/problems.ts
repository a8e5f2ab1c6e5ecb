import type { HttpResponseInit } from '@azure/functions';
import { maskSecrets } from '../../lib/azure/secret-masking.ts';
import { BackupError, RefusedByServiceError, ThrottledError } from '../../lib/errors.ts';
import type { Refusal } from '../../lib/outcome.ts';

/** Problem documents (RFC 9457): the only form in which the API says that something is wrong. */

export interface FieldProblem {
  /** JSON pointer into the body (`/consistency/label`), or the name of a query or path parameter. */
  readonly field: string;
  readonly message: string;
  readonly errorCode?: string;
}

export interface Problem {
  readonly status: number;
  readonly errorCode: string;
  readonly detail: string;
  readonly errors?: readonly FieldProblem[];
  /** Further members, such as `runId`. */
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly retryAfterSeconds?: number;
  readonly instance?: string;
}

/** Thrown inside a handler to end it with this problem. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}

/**
 * The status of each error code that is not 422, the answer to what is well-formed and cannot be
 * done. docs/errors.md tells what each code means.
 */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  BodyMalformed: 400,
  FieldInvalid: 400,
  MediaTypeNotSupported: 415,
  VmNotFound: 404,
  PointNotFound: 404,
  RunNotFound: 404,
  RunInProgress: 409,
  VmLocked: 409,
  Conflict: 409,
  SettingInvalid: 503,
  CatalogRebuilding: 503,
  Throttled: 503,
};

/** Somebody should come back after this many seconds when a service cannot be reached. */
const RETRY_AFTER_OUTAGE_SECONDS = 10;

const statusOf = (errorCode: string): number => STATUS_OF_CODE[errorCode] ?? 422;

/** `VmNotFound` -> `Vm not found`. */
const titleOf = (errorCode: string): string => {
  const words = errorCode.replace(
    /([a-z0-9])([A-Z])/g,
    (_, a: string, b: string) => `${a} ${b.toLowerCase()}`,
  );
  return words.charAt(0).toUpperCase() + words.slice(1);
};

export function problemResponse(problem: Problem): HttpResponseInit {
  const { status, errorCode, detail, errors, extra, retryAfterSeconds, instance } = problem;
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
    },
    body: JSON.stringify({
      ...extra,
      type: `urn:lockstep:problem:${errorCode}`,
      title: titleOf(errorCode),
      status,
      detail: maskSecrets(detail),
      ...(instance === undefined ? {} : { instance }),
      errorCode,
      ...(errors === undefined
        ? {}
        : { errors: errors.map((one) => ({ ...one, message: maskSecrets(one.message) })) }),
    }),
  };
}

/** One problem for several refusals, as a plan gives them: the code of the first, the highest status. */
export const problemOfRefusals = (refusals: readonly Refusal[]): Problem => {
  const [first] = refusals;
  if (first === undefined) throw new Error('a problem needs at least one refusal');
  return {
    status: Math.max(...refusals.map((refusal) => statusOf(refusal.errorCode))),
    errorCode: first.errorCode,
    detail: refusals.map((refusal) => refusal.message).join(' '),
    errors: refusals.map(({ errorCode, message, target }) => ({
      field: target ?? '',
      message,
      errorCode,
    })),
  };
};

export const fieldProblem = (field: string, message: string): ProblemError =>
  new ProblemError({
    status: 400,
    errorCode: 'FieldInvalid',
    detail: `${field} ${message}`,
    errors: [{ field, message }],
  });

export const notFoundProblem = (errorCode: string, detail: string): ProblemError =>
  new ProblemError({ status: 404, errorCode, detail });

/**
 * What an error means for the caller: a service that cannot be used just now is a 503 with
 * Retry-After; one that refused for good (a missing right, a policy) is a 502, and asking again does
 * not help; anything that we did not foresee is undefined, and is our own fault.
 */
export function problemOfError(error: unknown): Problem | undefined {
  if (error instanceof ProblemError) return error.problem;
  if (!(error instanceof BackupError)) return undefined;
  const { errorCode, message } = error;
  if (errorCode === 'SettingInvalid') return { status: 503, errorCode, detail: message };
  if (error instanceof RefusedByServiceError) return { status: 502, errorCode, detail: message };
  const retryAfterSeconds =
    error instanceof ThrottledError
      ? Math.max(1, Math.ceil(error.retryAfterMs / 1000))
      : RETRY_AFTER_OUTAGE_SECONDS;
  return { status: 503, errorCode, detail: message, retryAfterSeconds };
}
