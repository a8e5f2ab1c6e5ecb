/**
 * What an activity hands back to its orchestration.
 *
 * A refusal is final: retrying cannot change it. Anything that a retry may cure is thrown instead.
 */
export type Outcome<T> = { readonly ok: true; readonly value: T } | Refusal;

export interface Refusal {
  readonly ok: false;
  /** Stable, PascalCase, listed in docs/errors.md. */
  readonly errorCode: string;
  /** What happened, to which resource, and what the reader can do. Never holds a secret. */
  readonly message: string;
  /** The input field or resource that the refusal is about. */
  readonly target?: string;
}

export const done = <T>(value: T): Outcome<T> => ({ ok: true, value });

export const refused = (errorCode: string, message: string, target?: string): Refusal => ({
  ok: false,
  errorCode,
  message,
  ...(target === undefined ? {} : { target }),
});
