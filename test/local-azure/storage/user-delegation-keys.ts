/** The user delegation keys that Get User Delegation Key has handed out, to verify what they sign. */
import { unescapeXml } from './xml.ts';

export interface UserDelegationKey {
  readonly value: string;
  readonly startsMs: number;
  readonly expiresMs: number;
}

export interface UserDelegationKeys {
  /** Takes a key out of the answer of Get User Delegation Key; returns its value. */
  remember(account: string, answerXml: string): string | undefined;
  /** The key that the `sk*` parameters of a SAS name. */
  find(account: string, query: URLSearchParams): UserDelegationKey | undefined;
}

const ELEMENTS = [
  'SignedOid',
  'SignedTid',
  'SignedStart',
  'SignedExpiry',
  'SignedService',
  'SignedVersion',
] as const;
const PARAMETERS = ['skoid', 'sktid', 'skt', 'ske', 'sks', 'skv'] as const;

/** Knows no key at first; keys of one account open no other. */
export function createUserDelegationKeys(): UserDelegationKeys {
  const keys = new Map<string, UserDelegationKey>();

  /** Clients rewrite the times (with or without fractions of a second), so they are compared as times. */
  function keyOf(account: string, parts: readonly string[]): string {
    return [
      account,
      ...parts.map((part, index) => (index === 2 || index === 3 ? String(Date.parse(part)) : part)),
    ].join('\n');
  }

  return {
    remember(account, answerXml) {
      const read = (name: string) => {
        const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(answerXml)?.[1];
        return text === undefined ? undefined : unescapeXml(text);
      };
      const parts = ELEMENTS.map(read);
      const value = read('Value');
      if (value === undefined || parts.some((part) => part === undefined)) {
        return undefined;
      }
      const known = parts.map((part) => part ?? '');
      keys.set(keyOf(account, known), {
        value,
        startsMs: Date.parse(known[2] ?? ''),
        expiresMs: Date.parse(known[3] ?? ''),
      });
      return value;
    },
    find: (account, query) =>
      keys.get(
        keyOf(
          account,
          PARAMETERS.map((name) => query.get(name) ?? ''),
        ),
      ),
  };
}
