import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import * as df from 'durable-functions';
import { maskSecrets } from '../../lib/azure/secret-masking.ts';
import { problemOfError, problemResponse } from './problems.ts';
import { registerFor } from './register.ts';
import type { InvocationServices } from './services.ts';
import { servicesFor } from './services-on-use.ts';

/** What a handler works with. Tests hand in their own. */
export interface HttpCall {
  readonly request: HttpRequest;
  readonly services: InvocationServices;
  /** Durable, on our own terms (instances.ts). */
  readonly client: DurableClient;
}

export type HttpHandler = (call: HttpCall) => Promise<HttpResponseInit>;

interface Route {
  readonly method: 'GET' | 'POST';
  readonly route: string;
  readonly handler: HttpHandler;
}

/**
 * Every error becomes a problem document. What we did not foresee is logged whole and answered
 * without its text, which may hold anything.
 */
export async function answer(
  context: Pick<InvocationContext, 'error' | 'invocationId'>,
  request: Pick<HttpRequest, 'url'>,
  run: () => Promise<HttpResponseInit>,
): Promise<HttpResponseInit> {
  const instance = new URL(request.url).pathname;
  try {
    return await run();
  } catch (error) {
    const problem = problemOfError(error);
    if (problem) return problemResponse({ instance, ...problem });
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    context.error(JSON.stringify({ event: 'RequestFailed', instance, error: maskSecrets(text) }));
    return problemResponse({
      status: 500,
      errorCode: 'InternalError',
      detail: `The service failed in a way it did not foresee; its log has invocation ${context.invocationId}`,
      instance,
    });
  }
}

/** Registers a route with function-key authorization. Durable's management links never leave here. */
export function registerRoute(functionName: string, { method, route, handler }: Route): void {
  registerFor(functionName, () => {
    df.app.client.http(functionName, {
      methods: [method],
      route,
      authLevel: 'function',
      handler: (request: HttpRequest, client: DurableClient, context: InvocationContext) =>
        // The services are asked for inside, so that a wrong setting is a problem document as well.
        answer(context, request, async () =>
          handler({ request, client, services: await servicesFor(context) }),
        ),
    });
  });
}

export const json = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): HttpResponseInit => ({
  status,
  headers: {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...headers,
  },
  body: JSON.stringify(body),
});

/** The answer to a start: where to look, and how soon. */
export const accepted = (runId: string, body: Readonly<Record<string, unknown>>) =>
  json(202, { runId, ...body }, { location: `/api/runs/${runId}`, 'retry-after': '2' });
