/** Shared Key for blobs and queues ("Authorize with Shared Key", version 2015-02-21 and later). */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface SignableRequest {
  readonly method: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As on the wire: encoded, with the account in path-style. */
  readonly rawPath: string;
  readonly query: URLSearchParams;
}

const SIGNED_HEADERS = [
  'content-encoding',
  'content-language',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'if-modified-since',
  'if-match',
  'if-none-match',
  'if-unmodified-since',
  'range',
] as const;

function headerText(request: SignableRequest, name: string): string {
  const value = request.headers[name];
  return value === undefined ? '' : typeof value === 'string' ? value : value.join(',');
}

/** The text that a Shared Key signature signs. */
export function stringToSign(request: SignableRequest, account: string): string {
  const standard = SIGNED_HEADERS.map((name) => {
    const value = headerText(request, name);
    // A date in x-ms-date stands for the Date header; a length of zero is left out.
    const isLeftOut =
      (name === 'content-length' && value === '0') ||
      (name === 'date' && request.headers['x-ms-date'] !== undefined);
    return isLeftOut ? '' : value;
  });
  const own = Object.keys(request.headers)
    .filter((name) => name.startsWith('x-ms-'))
    .sort()
    .map(
      (name) =>
        `${name}:${headerText(request, name)
          .replace(/\s*\r?\n\s*/g, ' ')
          .trim()}\n`,
    );
  const parameters = new Map<string, string[]>();
  for (const [name, value] of request.query) {
    const key = name.toLowerCase();
    parameters.set(key, [...(parameters.get(key) ?? []), value]);
  }
  const resource = [...parameters]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, values]) => `\n${name}:${values.sort().join(',')}`);
  return [
    request.method.toUpperCase(),
    ...standard,
    `${own.join('')}/${account}${request.rawPath}${resource.join('')}`,
  ].join('\n');
}

/** Base64 of the HMAC-SHA256 of `text`; `key` is Base64. */
export function sign(text: string, key: string): string {
  return createHmac('sha256', Buffer.from(key, 'base64')).update(text, 'utf8').digest('base64');
}

/** In constant time. */
export function isSameSignature(a: string, b: string): boolean {
  const first = Buffer.from(a);
  const second = Buffer.from(b);
  return first.length === second.length && timingSafeEqual(first, second);
}
