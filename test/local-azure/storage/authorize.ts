/** Who may do what to a page blob: account key, the three kinds of SAS, bearer token. */
import type { RequestView } from './exchange.ts';
import { header } from './exchange.ts';
import {
  accountSasStringToSign,
  sasKindOf,
  serviceSasStringToSign,
  userDelegationSasStringToSign,
} from './sas.ts';
import { isSameSignature, sign, stringToSign } from './shared-key.ts';
import { storageErrors } from './storage-error.ts';
import type { UserDelegationKeys } from './user-delegation-keys.ts';

/** What an authorised caller may do. Keys and tokens may do everything: roles are not modelled. */
export interface Access {
  readonly kind: 'accountKey' | 'sas' | 'bearer';
  /** Letters of `sp`; undefined for all. */
  readonly permissions: string | undefined;
}

/** A stored access policy of a container; fields that it does not set are undefined. */
export interface StoredAccessPolicy {
  readonly start: string | undefined;
  readonly expiry: string | undefined;
  readonly permissions: string | undefined;
}

export type BearerCheck = (
  authorization: string,
) => { readonly ok: true } | { readonly ok: false; readonly message: string };

export interface AuthorizationParts {
  /** Base64; undefined for an account that does not exist. */
  accountKey(account: string): string | undefined;
  readonly delegationKeys: UserDelegationKeys;
  readonly checkBearer: BearerCheck;
  findPolicy(
    account: string,
    container: string,
    identifier: string,
  ): Promise<StoredAccessPolicy | undefined>;
}

const MAX_CLOCK_SKEW_MS = 15 * 60 * 1000;
/** Storage writes its challenge without quotes and commas, and its clients read no other. */
export const STORAGE_CHALLENGE =
  'Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize resource_id=https://storage.azure.com';

/** Throws the refusal as a StorageError. Permissions are checked afterwards, by `requirePermission`. */
export async function authorize(request: RequestView, parts: AuthorizationParts): Promise<Access> {
  const authorization = header(request, 'authorization');
  if (authorization?.toLowerCase().startsWith('bearer ')) {
    const check = parts.checkBearer(authorization);
    if (!check.ok) {
      throw storageErrors.invalidToken(STORAGE_CHALLENGE, check.message);
    }
    if (request.version < '2017-11-09') {
      throw storageErrors.authenticationFailed(
        'Authentication scheme Bearer is not supported in this version.',
      );
    }
    return { kind: 'bearer', permissions: undefined };
  }
  if (authorization !== undefined) {
    checkSharedKey(request, authorization, parts);
    return { kind: 'accountKey', permissions: undefined };
  }
  if (request.query.has('sig')) {
    return { kind: 'sas', permissions: await checkSas(request, parts) };
  }
  throw storageErrors.noAuthenticationInformation(STORAGE_CHALLENGE);
}

/** Any one of the letters in `anyOf` is enough. */
export function requirePermission(access: Access, anyOf: string): void {
  const { permissions } = access;
  if (permissions !== undefined && ![...anyOf].some((letter) => permissions.includes(letter))) {
    throw storageErrors.permissionMismatch();
  }
}

function checkSharedKey(
  request: RequestView,
  authorization: string,
  parts: AuthorizationParts,
): void {
  const match = /^SharedKey ([^:]+):(.+)$/.exec(authorization);
  const key = parts.accountKey(request.account);
  if (match === null || key === undefined || match[1] !== request.account) {
    throw storageErrors.authenticationFailed();
  }
  const date = header(request, 'x-ms-date') ?? header(request, 'date');
  if (date === undefined || Math.abs(Date.now() - Date.parse(date)) > MAX_CLOCK_SKEW_MS) {
    throw storageErrors.authenticationFailed(`Request date header too old: '${date ?? ''}'`);
  }
  const text = stringToSign(
    {
      method: request.method,
      headers: request.headers,
      rawPath: request.rawPath,
      query: request.query,
    },
    request.account,
  );
  if (!isSameSignature(sign(text, key), match[2] ?? '')) {
    throw storageErrors.authenticationFailed(
      `The MAC signature found in the HTTP request is not the same as any computed signature. Server used following string to sign: '${text}'.`,
    );
  }
}

/** Returns the permissions. */
async function checkSas(request: RequestView, parts: AuthorizationParts): Promise<string> {
  const { query, account } = request;
  const kind = sasKindOf(query);
  if ((query.get('sv') ?? '') < '2015-04-05' || query.has('srh') || query.has('srq')) {
    throw storageErrors.authenticationFailed('This form of SAS is not supported.');
  }
  const accountKey = parts.accountKey(account);
  const delegated =
    kind === 'userDelegation' ? parts.delegationKeys.find(account, query) : undefined;
  const key = kind === 'userDelegation' ? delegated?.value : accountKey;
  if (key === undefined) {
    throw storageErrors.authenticationFailed('The signing key is not known.');
  }
  const text =
    kind === 'account'
      ? accountSasStringToSign(query, account)
      : kind === 'service'
        ? serviceSasStringToSign(query, request)
        : userDelegationSasStringToSign(query, request);
  if (!isSameSignature(sign(text, key), query.get('sig') ?? '')) {
    throw storageErrors.authenticationFailed(
      `Signature did not match. String to sign used was ${text}`,
    );
  }
  if (kind === 'account') {
    checkAccountSasScope(query);
  } else if (query.get('sr') === 'bs' && !query.has('snapshot')) {
    throw storageErrors.permissionMismatch();
  }
  const identifier = query.get('si');
  const policy =
    kind === 'service' && identifier !== null
      ? await parts.findPolicy(account, request.container, identifier)
      : undefined;
  if (kind === 'service' && identifier !== null && policy === undefined) {
    throw storageErrors.authenticationFailed('Signed identifier is not found.');
  }
  checkSasTimes(query.get('st') ?? policy?.start, query.get('se') ?? policy?.expiry);
  if (delegated !== undefined) {
    checkWindow(delegated.startsMs, delegated.expiresMs);
  }
  checkSourceAddress(query.get('sip'), request.remoteAddress);
  return query.get('sp') ?? policy?.permissions ?? '';
}

function checkAccountSasScope(query: URLSearchParams): void {
  if (!(query.get('ss') ?? '').includes('b')) {
    throw storageErrors.serviceMismatch();
  }
  if (!(query.get('srt') ?? '').includes('o')) {
    throw storageErrors.resourceTypeMismatch();
  }
}

function checkSasTimes(start: string | undefined, expiry: string | undefined): void {
  if (expiry === undefined || Number.isNaN(Date.parse(expiry))) {
    throw storageErrors.authenticationFailed('Signed expiry time is missing or not a time.');
  }
  checkWindow(
    start === undefined || start === '' ? undefined : Date.parse(start),
    Date.parse(expiry),
  );
}

function checkWindow(startsMs: number | undefined, expiresMs: number): void {
  const nowMs = Date.now();
  if (nowMs >= expiresMs || (startsMs !== undefined && nowMs < startsMs)) {
    const show = (ms: number) => new Date(ms).toUTCString();
    const shownStart = startsMs === undefined ? '' : `Start [${show(startsMs)}] - `;
    throw storageErrors.authenticationFailed(
      `Signature not valid in the specified time frame: ${shownStart}Expiry [${show(expiresMs)}] - Current [${show(nowMs)}]`,
    );
  }
}

function checkSourceAddress(allowed: string | null, remoteAddress: string | undefined): void {
  if (allowed === null) {
    return;
  }
  const asNumber = (address: string) =>
    address
      .replace(/^::ffff:/, '')
      .split('.')
      .reduce((sum, part) => sum * 256 + Number(part), 0);
  const [first = '', last = first] = allowed.split('-');
  const address = asNumber(remoteAddress ?? '');
  if (!(address >= asNumber(first) && address <= asNumber(last))) {
    throw storageErrors.sourceIpMismatch();
  }
}
