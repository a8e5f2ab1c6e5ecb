import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SecretLedger } from '../contracts.ts';
import type { SeededRandom } from '../seeded-random.ts';

/** A workload identity of the run. `header` is the secret that `IDENTITY_HEADER` carries. */
export interface Identity {
  readonly name: string;
  readonly header: string;
  readonly principalId: string;
  readonly clientId: string;
}

export type TokenCheck =
  | { readonly ok: true; readonly principalId: string; readonly identityName: string }
  | {
      readonly ok: false;
      readonly status: 401;
      /** The codes of ARM; storage has one code for all of them. */
      readonly code:
        | 'AuthenticationFailed'
        | 'InvalidAuthenticationToken'
        | 'InvalidAuthenticationTokenAudience'
        | 'ExpiredAuthenticationToken';
      readonly message: string;
      readonly wwwAuthenticate: string;
    };

export interface AccessTokens {
  /** `resource` becomes `aud` as it is. `expiresOn` is in seconds since the epoch. */
  issue(
    identity: Identity,
    resource: string,
  ): { readonly token: string; readonly expiresOn: number };
  /**
   * Judges the `Authorization` header of a request. `audiences` are compared without a trailing
   * slash. Only tokens issued by this run pass.
   */
  check(authorization: string | undefined, audiences: readonly string[]): TokenCheck;
}

export interface AccessTokensOptions {
  readonly tenantId: string;
  readonly identities: readonly Identity[];
  readonly random: SeededRandom;
  readonly secrets: SecretLedger;
  /** 24 hours by default, as managed identities get. */
  readonly lifetimeSeconds?: number;
}

/** `aud` of tokens for storage, for every account. */
export const storageAudiences = ['https://storage.azure.com'] as const;

function encode(part: unknown): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function withoutTrailingSlash(text: string): string {
  return text.endsWith('/') ? text.slice(0, -1) : text;
}

/** As ARM prints times in messages: `10/14/2019 8:00:48 PM`, in UTC. */
function toArmTime(milliseconds: number): string {
  return new Date(milliseconds)
    .toLocaleString('en-US', { timeZone: 'UTC' })
    .replace(',', '')
    .replaceAll('\u202f', ' ');
}

/**
 * Issues JSON Web Tokens with the claims that Entra ID puts into version 1 tokens and that Azurite
 * wants (iss, aud, oid, tid, nbf, exp, iat). They are signed with a key of the run, so that a token
 * that somebody else made up is refused.
 */
export function createAccessTokens(options: AccessTokensOptions): AccessTokens {
  const key = options.random.bytes(32);
  const authority = `https://login.windows.net/${options.tenantId}`;

  function sign(content: string): string {
    return createHmac('sha256', key).update(content).digest('base64url');
  }

  function refuse(
    code: Extract<TokenCheck, { ok: false }>['code'],
    message: string,
  ): Extract<TokenCheck, { ok: false }> {
    return {
      ok: false,
      status: 401,
      code,
      message,
      wwwAuthenticate: `Bearer authorization_uri="${authority}", error="invalid_token", error_description="${message.replaceAll('"', "'")}"`,
    };
  }

  function readClaims(token: string): Record<string, unknown> | undefined {
    const [header, payload, signature, ...rest] = token.split('.');
    if (
      header === undefined ||
      payload === undefined ||
      signature === undefined ||
      rest.length > 0
    ) {
      return undefined;
    }
    const expected = Buffer.from(sign(`${header}.${payload}`));
    const given = Buffer.from(signature);
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return undefined;
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Record<
      string,
      unknown
    >;
  }

  return {
    issue(identity, resource) {
      const now = Math.floor(Date.now() / 1000);
      const expiresOn = now + (options.lifetimeSeconds ?? 24 * 3600);
      const claims = {
        aud: resource,
        iss: `https://sts.windows.net/${options.tenantId}/`,
        iat: now,
        nbf: now,
        exp: expiresOn,
        appid: identity.clientId,
        idtyp: 'app',
        oid: identity.principalId,
        sub: identity.principalId,
        tid: options.tenantId,
        uti: options.random.bytes(16).toString('base64url'),
        ver: '1.0',
      };
      const content = `${encode({ typ: 'JWT', alg: 'HS256' })}.${encode(claims)}`;
      const token = `${content}.${sign(content)}`;
      options.secrets.issued('token', token);
      return { token, expiresOn };
    },
    check(authorization, audiences) {
      if (authorization === undefined || authorization === '') {
        return refuse(
          'AuthenticationFailed',
          "Authentication failed. The 'Authorization' header is missing.",
        );
      }
      const token = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1];
      const claims = token === undefined ? undefined : readClaims(token);
      if (claims === undefined) {
        return refuse('InvalidAuthenticationToken', 'The access token is invalid.');
      }
      const audience = String(claims['aud']);
      const isForUs = audiences.some(
        (allowed) => withoutTrailingSlash(allowed) === withoutTrailingSlash(audience),
      );
      if (!isForUs) {
        return refuse(
          'InvalidAuthenticationTokenAudience',
          `The access token has been obtained for wrong audience or resource '${audience}'. It should exactly match with one of the allowed audiences ${audiences.map((allowed) => `'${allowed}'`).join(',')}.`,
        );
      }
      const expiryMs = Number(claims['exp']) * 1000;
      if (expiryMs <= Date.now()) {
        return refuse(
          'ExpiredAuthenticationToken',
          `The access token expiry UTC time '${toArmTime(expiryMs)}' is earlier than current UTC time '${toArmTime(Date.now())}'.`,
        );
      }
      const principalId = String(claims['oid']);
      const identity = options.identities.find((known) => known.principalId === principalId);
      if (identity === undefined) {
        return refuse('InvalidAuthenticationToken', 'The access token is invalid.');
      }
      return { ok: true, principalId, identityName: identity.name };
    },
  };
}
