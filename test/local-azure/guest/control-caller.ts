/** One call of the control API: JSON in, JSON out; `undefined` for an answer without body. */
export type ControlCaller = <T>(method: 'GET' | 'POST', path: string, body?: unknown) => Promise<T>;

/** A refusal of the control API, with the code and the text that it gave. */
export class ControlCallError extends Error {
  override readonly name = 'ControlCallError';
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function createControlCaller(controlUrl: string): ControlCaller {
  return async <T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> => {
    const response = await fetch(new URL(path, controlUrl), {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    const answer: unknown = text === '' ? undefined : JSON.parse(text);
    if (response.ok) return answer as T;
    const error = (answer as { error?: { code?: string; message?: string } } | undefined)?.error;
    throw new ControlCallError(
      response.status,
      error?.code ?? 'Unknown',
      `${method} ${path}: ${error?.message ?? response.statusText}`,
    );
  };
}
