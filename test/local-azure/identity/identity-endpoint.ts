import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AccessTokens, Identity } from './access-tokens.ts';

const apiVersion = '2019-08-01';

function isSame(given: string, expected: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

/**
 * The managed-identity endpoint of App Service and Functions ("How to use managed identities for
 * App Service and Azure Functions", REST protocol 2019-08-01): `GET …/msi/token?api-version=…&
 * resource=…[&client_id=…]` with the header `X-IDENTITY-HEADER`.
 */
export function createIdentityEndpoint(
  identities: readonly Identity[],
  tokens: AccessTokens,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const fail = (status: number, message: string) =>
      answer(response, status, { statusCode: status, message });
    if (request.method !== 'GET' || url.pathname !== '/msi/token') {
      fail(404, 'Not found: the endpoint is GET /msi/token.');
      return;
    }
    const header = request.headers['x-identity-header'];
    const identity =
      typeof header === 'string'
        ? identities.find((known) => isSame(header, known.header))
        : undefined;
    if (identity === undefined) {
      fail(401, 'The X-IDENTITY-HEADER is missing or is not the one of this app.');
      return;
    }
    if (url.searchParams.get('api-version') !== apiVersion) {
      fail(400, `Unsupported api-version: use ${apiVersion}.`);
      return;
    }
    const resource = url.searchParams.get('resource');
    if (resource === null || !URL.canParse(resource)) {
      fail(400, 'The query parameter resource is missing or is not a URI.');
      return;
    }
    const clientId = url.searchParams.get('client_id');
    const principalId = url.searchParams.get('principal_id');
    const isAttached =
      (clientId === null || clientId.toLowerCase() === identity.clientId) &&
      (principalId === null || principalId.toLowerCase() === identity.principalId);
    if (!isAttached) {
      fail(
        400,
        'No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.',
      );
      return;
    }
    const { token, expiresOn } = tokens.issue(identity, resource);
    answer(response, 200, {
      access_token: token,
      expires_on: String(expiresOn),
      resource,
      token_type: 'Bearer',
      client_id: identity.clientId,
    });
  };
}
