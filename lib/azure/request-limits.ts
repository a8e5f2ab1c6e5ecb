import type { TokenCredential } from '@azure/core-auth';
import { type HttpClient, type PipelinePolicy, RestError } from '@azure/core-rest-pipeline';
import { AnonymousCredential, newPipeline, type Pipeline } from '@azure/storage-blob';
import { ThrottledError } from '../errors.ts';
import { parseRetryAfterMs } from './arm-errors.ts';

/**
 * The SDK clients put no end to a request that nobody answers. A limit for every try, body included,
 * is set here, once, so that no caller can forget it.
 */

const timedOut = (limitMs: number): RestError =>
  new RestError(`no answer within ${limitMs} ms`, { code: 'TimedOut' });

/** A signal that fires after `limitMs`, or as soon as `signal` does. */
export const limitedSignal = (limitMs: number, signal?: AbortSignal): AbortSignal => {
  const limit = AbortSignal.timeout(limitMs);
  return signal === undefined ? limit : AbortSignal.any([limit, signal]);
};

/** `transport` with a time limit on every request. A caller's own signal goes on working. */
export function createBoundedHttpClient(transport: HttpClient, limitMs: number): HttpClient {
  return {
    async sendRequest(request) {
      const own = request.abortSignal as AbortSignal | undefined;
      const limit = AbortSignal.timeout(limitMs);
      request.abortSignal = own === undefined ? limit : AbortSignal.any([own, limit]);
      try {
        const response = await transport.sendRequest(request);
        return response;
      } catch (error) {
        if (limit.aborted && own?.aborted !== true) throw timedOut(limitMs);
        throw error;
      } finally {
        // A retry of the same request object begins with the caller's signal again.
        if (own === undefined) delete request.abortSignal;
        else request.abortSignal = own;
      }
    },
  };
}

/** Longest Retry-After that a client sits out inside a running activity. */
const SHORT_WAIT_MS = 2_000;

/**
 * The SDK sleeps for the whole Retry-After inside the process, and Compute sends up to 1200 s. A
 * longer wait than two seconds is thrown as a `ThrottledError`, which the SDK does not retry.
 */
export function longWaitPolicy(): PipelinePolicy {
  return {
    name: 'longWaitPolicy',
    async sendRequest(request, next) {
      const response = await next(request);
      if (response.status !== 429 && response.status !== 503) return response;
      const waitMs = parseRetryAfterMs(response.headers.get('retry-after'));
      if (waitMs === undefined || waitMs <= SHORT_WAIT_MS) return response;
      const host = new URL(request.url).host;
      throw new ThrottledError(
        `${host} answered ${response.status} and asks for a wait of ${Math.ceil(waitMs / 1000)} s`,
        waitMs,
      );
    },
  };
}

/**
 * A blob pipeline whose every call, with its `maxTries` tries and the body, ends within `limitMs`.
 * Without a credential the URL has to carry a SAS.
 */
export function createBlobPipeline(
  credential: TokenCredential | undefined,
  limitMs: number,
  maxTries: number,
): Pipeline {
  const pipeline = newPipeline(credential ?? new AnonymousCredential(), {
    retryOptions: { maxTries, retryDelayInMs: 400, maxRetryDelayInMs: 4_000 },
  });
  pipeline.factories.push({
    create: (next) => ({
      async sendRequest(request) {
        const own = request.abortSignal as AbortSignal | undefined;
        const limit = AbortSignal.timeout(limitMs);
        request.abortSignal = own === undefined ? limit : AbortSignal.any([own, limit]);
        try {
          return await next.sendRequest(request);
        } catch (error) {
          if (limit.aborted && own?.aborted !== true) throw timedOut(limitMs);
          throw error;
        }
      },
    }),
  });
  return pipeline;
}
