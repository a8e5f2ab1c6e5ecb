import {
  createHttpHeaders,
  createPipelineRequest,
  type HttpClient,
  type Pipeline,
  RestError,
} from '@azure/core-rest-pipeline';

export interface ArmAnswer {
  readonly status: number;
  /** The JSON body as it came; undefined when there is none. */
  readonly body: unknown;
  header(name: string): string | undefined;
}

/**
 * ARM requests outside the SDK's operations: polling URLs, which must be used verbatim, and bodies
 * that the SDK's models would cut. Sent once. Rejects with a `RestError` for a status over 299.
 */
export interface ArmRequests {
  /** `pathOrUrl` is a path below the endpoint, with its `api-version`, or a URL of the same origin. */
  send(
    method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
    pathOrUrl: string,
    options?: { readonly body?: unknown; readonly signal?: AbortSignal },
  ): Promise<ArmAnswer>;
}

export function createArmRequests(
  pipeline: Pipeline,
  http: HttpClient,
  endpoint: string,
): ArmRequests {
  const origin = new URL(endpoint).origin;
  return {
    async send(method, pathOrUrl, options = {}) {
      const url = new URL(pathOrUrl, endpoint);
      // A token of ours never goes to a host that an answer named.
      if (url.origin !== origin) {
        throw new RestError('the URL to follow is not ARM’s own', { code: 'ForeignPollingUrl' });
      }
      const body = options.body === undefined ? undefined : JSON.stringify(options.body);
      const request = createPipelineRequest({
        url: pathOrUrl.startsWith('https://') ? pathOrUrl : url.href,
        method,
        headers: createHttpHeaders({
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        }),
        ...(body === undefined ? {} : { body }),
        ...(options.signal === undefined ? {} : { abortSignal: options.signal }),
      });
      const response = await pipeline.sendRequest(http, request);
      const parsed = parseBody(response.bodyAsText);
      if (response.status >= 300) {
        const { code, message } = errorOf(parsed);
        throw new RestError(message ?? `HTTP ${response.status}`, {
          statusCode: response.status,
          request,
          response,
          ...(code === undefined ? {} : { code }),
        });
      }
      return {
        status: response.status,
        body: parsed,
        header: (name) => response.headers.get(name),
      };
    },
  };
}

const parseBody = (text: string | null | undefined): unknown => {
  if (text === undefined || text === null || text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new RestError('the answer is not JSON', { code: RestError.PARSE_ERROR });
  }
};

const errorOf = (body: unknown): { code?: string; message?: string } => {
  const outer = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const inner = outer['error'] ?? outer['Error'] ?? outer;
  const fields = (typeof inner === 'object' && inner !== null ? inner : {}) as Record<
    string,
    unknown
  >;
  const code = fields['code'] ?? fields['Code'];
  const message = fields['message'] ?? fields['Message'];
  return {
    ...(typeof code === 'string' ? { code } : {}),
    ...(typeof message === 'string' ? { message } : {}),
  };
};
