import type { SecretLedger } from '../contracts.ts';

export type SecretKind = Parameters<SecretLedger['issued']>[0];

export interface IssuedSecret {
  readonly kind: SecretKind;
  readonly value: string;
}

export interface ReadableSecretLedger extends SecretLedger {
  /** Each value once, in the order of first issue. */
  list(): readonly IssuedSecret[];
}

export function createSecretLedger(): ReadableSecretLedger {
  const byValue = new Map<string, IssuedSecret>();
  return {
    issued(kind, value) {
      if (value.length < 16)
        throw new RangeError(`a ${kind} of ${value.length} characters is no secret to search for`);
      if (!byValue.has(value)) byValue.set(value, { kind, value });
    },
    list: () => [...byValue.values()],
  };
}
