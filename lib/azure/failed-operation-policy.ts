import { type PipelinePolicy, RestError } from '@azure/core-rest-pipeline';

/**
 * A long-running operation that failed answers its poll with HTTP 200 and `{status: "Failed",
 * error: {code, message}}`. The SDK's poller turns that into an `Error` without code or details, so
 * this policy throws an error that has them before the poller sees the answer.
 */
export function failedOperationPolicy(): PipelinePolicy {
  return {
    name: 'failedOperationPolicy',
    async sendRequest(request, next) {
      const response = await next(request);
      if (request.method !== 'GET' || response.status !== 200) return response;
      const failure = failureIn(response.bodyAsText);
      if (failure === undefined) return response;
      throw new RestError(failure.message, { code: failure.code, request, response });
    },
  };
}

/** Code and message of a failed or cancelled operation's status body; undefined for anything else. */
export function failureIn(
  bodyAsText: string | null | undefined,
): { readonly code: string; readonly message: string } | undefined {
  // Resources have no top-level `status`: looking for it first spares parsing every large body.
  if (typeof bodyAsText !== 'string' || !bodyAsText.includes('"status"')) return undefined;
  let body: unknown;
  try {
    body = JSON.parse(bodyAsText);
  } catch {
    return undefined;
  }
  if (typeof body !== 'object' || body === null) return undefined;
  const { status, error } = body as { status?: unknown; error?: unknown };
  if (typeof status !== 'string' || !/^(failed|cancell?ed)$/i.test(status)) return undefined;
  const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as {
    code?: unknown;
    message?: unknown;
  };
  return {
    code: typeof code === 'string' && code !== '' ? code : `Operation${status}`,
    message: typeof message === 'string' ? message : `the operation ended as ${status}`,
  };
}

/** Whether `error` is what the policy above threw: the operation is over, and it failed. */
export const isFailedOperation = (error: unknown): boolean =>
  error instanceof RestError && error.response?.status === 200 && error.statusCode === undefined;
