/**
 * Shared access signatures: what each kind signs, by the version in `sv` ("Create an account SAS",
 * "Create a service SAS", "Create a user delegation SAS").
 */
export type SasKind = 'account' | 'service' | 'userDelegation';

export interface SasTarget {
  readonly account: string;
  readonly container: string;
  readonly blob: string;
}

/** Told by its parameters: `ss` and `srt`, `skoid`, or neither. */
export function sasKindOf(query: URLSearchParams): SasKind {
  if (query.has('ss') || query.has('srt')) {
    return 'account';
  }
  return query.has('skoid') ? 'userDelegation' : 'service';
}

/** The text that the signature of an account SAS signs. */
export function accountSasStringToSign(query: URLSearchParams, account: string): string {
  const get = (name: string) => query.get(name) ?? '';
  const version = get('sv');
  return [
    account,
    ...['sp', 'ss', 'srt', 'st', 'se', 'sip', 'spr', 'sv'].map(get),
    ...(version >= '2020-12-06' ? [get('ses')] : []),
    '',
  ].join('\n');
}

/** The name that is signed: the container for `sr=c`, else the blob. */
function canonicalName(query: URLSearchParams, target: SasTarget): string {
  const container = `/blob/${target.account}/${target.container}`;
  return query.get('sr') === 'c' ? container : `${container}/${target.blob}`;
}

function signedSnapshot(query: URLSearchParams): string {
  const resource = query.get('sr');
  return resource === 'bs'
    ? (query.get('snapshot') ?? '')
    : resource === 'bv'
      ? (query.get('versionid') ?? '')
      : '';
}

const CONTENT_HEADERS = ['rscc', 'rscd', 'rsce', 'rscl', 'rsct'] as const;

/** The text that the signature of a service SAS signs. */
export function serviceSasStringToSign(query: URLSearchParams, target: SasTarget): string {
  const get = (name: string) => query.get(name) ?? '';
  const version = get('sv');
  return [
    get('sp'),
    get('st'),
    get('se'),
    canonicalName(query, target),
    get('si'),
    get('sip'),
    get('spr'),
    version,
    ...(version >= '2018-11-09' ? [get('sr'), signedSnapshot(query)] : []),
    ...(version >= '2020-12-06' ? [get('ses')] : []),
    ...CONTENT_HEADERS.map(get),
  ].join('\n');
}

/** The text that the signature of a user delegation SAS signs. */
export function userDelegationSasStringToSign(query: URLSearchParams, target: SasTarget): string {
  const get = (name: string) => query.get(name) ?? '';
  const version = get('sv');
  return [
    get('sp'),
    get('st'),
    get('se'),
    canonicalName(query, target),
    ...['skoid', 'sktid', 'skt', 'ske', 'sks', 'skv'].map(get),
    ...(version >= '2020-02-10' ? ['saoid', 'suoid', 'scid'].map(get) : []),
    ...(version >= '2025-07-05' ? ['skdutid', 'sduoid'].map(get) : []),
    get('sip'),
    get('spr'),
    version,
    get('sr'),
    signedSnapshot(query),
    ...(version >= '2020-12-06' ? [get('ses')] : []),
    // Signed request headers and query parameters; a SAS that has some is refused before.
    ...(version >= '2026-04-06' ? ['', ''] : []),
    ...CONTENT_HEADERS.map(get),
  ].join('\n');
}
