/** A caller of the product's HTTP interface, as an operator's script would be one. */

export interface ApiAnswer<T = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface LockstepApi {
  call<T = unknown>(method: string, path: string, body?: unknown): Promise<ApiAnswer<T>>;
  /** Sends `text` as it is, for malformed bodies. */
  callRaw(method: string, path: string, text: string, contentType: string): Promise<ApiAnswer>;
  /** Follows a 202's Location until the run has ended; `onProgress` sees every answer. */
  finishRun(
    location: string,
    options?: { timeoutMs?: number; onProgress?: (run: RunView) => void },
  ): Promise<RunView>;
}

export interface RunView {
  readonly runId: string;
  readonly kind: string;
  readonly state: 'running' | 'succeeded' | 'failed';
  readonly pointId?: string;
  readonly progress?: unknown;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly failure?: { readonly errorCode: string; readonly message: string };
}

const POLL_INTERVAL_MS = 200;

export const delay = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again until `read` gives a value; the error names `what` when the time is up. */
export async function until<T>(
  what: string,
  read: () => Promise<T | undefined> | T | undefined,
  timeoutMs: number,
  intervalMs = POLL_INTERVAL_MS,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await delay(intervalMs);
  }
}

async function parsed(response: Response): Promise<unknown> {
  const text = await response.text();
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function createLockstepApi(baseUrl: string, functionKey: string): LockstepApi {
  const send = async (method: string, path: string, text?: string, type = 'application/json') => {
    const response = await fetch(new URL(path, baseUrl), {
      method,
      headers: {
        'x-functions-key': functionKey,
        ...(text === undefined ? {} : { 'content-type': type }),
      },
      ...(text === undefined ? {} : { body: text }),
      signal: AbortSignal.timeout(60_000),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await parsed(response)) as never,
    };
  };
  return {
    call: (method, path, body) =>
      send(method, path, body === undefined ? undefined : JSON.stringify(body)),
    callRaw: (method, path, text, contentType) => send(method, path, text, contentType),
    finishRun: (location, options = {}) =>
      until(
        `run ${location}`,
        async () => {
          const { status, body } = await send('GET', location);
          if (status !== 200 && status !== 202) {
            throw new Error(`${location} answered ${status}: ${JSON.stringify(body)}`);
          }
          const run = body as RunView;
          options.onProgress?.(run);
          return run.state === 'running' ? undefined : run;
        },
        options.timeoutMs ?? 120_000,
      ),
  };
}
