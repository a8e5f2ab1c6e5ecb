import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DefaultAzureCredential } from '@azure/identity';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSecretLedger } from '../front/secret-ledger.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createAccessTokens, storageAudiences } from './access-tokens.ts';
import { createIdentities } from './create-identities.ts';
import { createIdentityEndpoint } from './identity-endpoint.ts';

const random = createSeededRandom('identity-tests');
const secrets = createSecretLedger();
const tenantId = random.uuid();
const identities = createIdentities(['protect', 'restore'], random, secrets);
const tokens = createAccessTokens({ tenantId, identities, random, secrets });
const [protect, restore] = identities;
const armAudiences = ['https://management.azure.com/'];
let server: Server;
let endpoint = '';

beforeAll(async () => {
  server = createServer(createIdentityEndpoint(identities, tokens));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/msi/token`;
});
afterAll(
  () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
);

function claimsOf(token: string): Record<string, unknown> {
  const payload = token.split('.')[1] ?? '';
  return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Record<string, unknown>;
}

function ask(query: string, header: string | undefined): Promise<Response> {
  return fetch(`${endpoint}?${query}`, {
    headers: header === undefined ? {} : { 'x-identity-header': header },
  });
}

const good = 'api-version=2019-08-01&resource=https://storage.azure.com';

describe('the identity endpoint', () => {
  it('gives the genuine credential a token with the claims of its principal', async () => {
    process.env['IDENTITY_ENDPOINT'] = endpoint;
    process.env['IDENTITY_HEADER'] = protect?.header;
    const { token, expiresOnTimestamp } = await new DefaultAzureCredential().getToken(
      'https://management.azure.com/.default',
    );
    expect(expiresOnTimestamp - Date.now()).toBeGreaterThan(23 * 3600 * 1000);
    expect(claimsOf(token)).toMatchObject({
      aud: 'https://management.azure.com',
      iss: `https://sts.windows.net/${tenantId}/`,
      oid: protect?.principalId,
      tid: tenantId,
    });
    expect(tokens.check(`Bearer ${token}`, armAudiences)).toEqual({
      ok: true,
      principalId: protect?.principalId,
      identityName: 'protect',
    });
    expect(secrets.list().map(({ value }) => value)).toContain(token);
  });

  it('tells two identities apart by their headers', async () => {
    const query = `${good}&client_id=${restore?.clientId ?? ''}`;
    const reply = await ask(query, restore?.header);
    const { access_token: token } = (await reply.json()) as { access_token: string };
    expect(claimsOf(token)['oid']).toBe(restore?.principalId);
    expect((await ask(query, protect?.header)).status).toBe(400);
  });

  it.each([
    [good, undefined, 401],
    [good, 'WRONG', 401],
    ['resource=https://storage.azure.com', 'right', 400],
    ['api-version=2019-08-01', 'right', 400],
    ['api-version=2019-08-01&resource=nonsense', 'right', 400],
    [`${good}&client_id=00000000-0000-4000-8000-000000000000`, 'right', 400],
  ])('answers %s with header %s by %i', async (query, header, status) => {
    const reply = await ask(query, header === 'right' ? protect?.header : header);
    expect(reply.status).toBe(status);
    expect(await reply.json()).toMatchObject({ statusCode: status, message: expect.any(String) });
  });

  it('echoes the resource exactly', async () => {
    const reply = await ask(good, protect?.header);
    expect(await reply.json()).toMatchObject({
      resource: 'https://storage.azure.com',
      token_type: 'Bearer',
      expires_on: expect.stringMatching(/^\d+$/),
    });
  });
});

describe('the check of a token', () => {
  function issue(resource: string): string {
    if (protect === undefined) throw new Error('no identity');
    return tokens.issue(protect, resource).token;
  }

  it('passes a token of the audience, with or without a trailing slash', () => {
    const token = issue('https://storage.azure.com/');
    expect(tokens.check(`Bearer ${token}`, storageAudiences).ok).toBe(true);
  });

  it.each([
    ['nothing', undefined, 'AuthenticationFailed'],
    ['another scheme', 'Basic abc', 'InvalidAuthenticationToken'],
    ['no token', 'Bearer abc', 'InvalidAuthenticationToken'],
  ])('refuses %s', (_what, authorization, code) => {
    expect(tokens.check(authorization, storageAudiences)).toMatchObject({
      ok: false,
      status: 401,
      code,
      wwwAuthenticate: expect.stringMatching(/^Bearer authorization_uri=/),
    });
  });

  it('refuses the audience of another service, a changed claim and an expired token', () => {
    expect(tokens.check(`Bearer ${issue('https://vault.azure.net')}`, armAudiences)).toMatchObject({
      code: 'InvalidAuthenticationTokenAudience',
    });
    const [header, payload, signature] = issue('https://management.azure.com').split('.');
    const claims = { ...claimsOf(`.${payload}.`), oid: restore?.principalId };
    const changed = Buffer.from(JSON.stringify(claims)).toString('base64url');
    expect(tokens.check(`Bearer ${header}.${changed}.${signature}`, armAudiences)).toMatchObject({
      code: 'InvalidAuthenticationToken',
    });
    const shortLived = createAccessTokens({
      tenantId,
      identities,
      random,
      secrets,
      lifetimeSeconds: 0,
    });
    if (protect === undefined) throw new Error('no identity');
    const { token } = shortLived.issue(protect, 'https://management.azure.com');
    expect(shortLived.check(`Bearer ${token}`, armAudiences)).toMatchObject({
      code: 'ExpiredAuthenticationToken',
      message: expect.stringMatching(
        /^The access token expiry UTC time '\d+\/\d+\/\d{4} \d+:\d\d:\d\d [AP]M' is earlier/,
      ),
    });
  });
});
