/**
 * Takes secrets out of text that somebody may keep: error messages, logs, status. Services echo
 * what they were sent (Azure Storage's `InvalidHeaderValue` repeats a whole source SAS), so every
 * text that came from outside goes through here before it leaves lib/azure.
 */

const MASK = '***';

/** What a query, a header or a connection string calls its secret part. */
const SECRET_NAMES = [
  'sig',
  'signature',
  'access_token',
  'refresh_token',
  'client_secret',
  'client_assertion',
  'AccountKey',
  'SharedAccessKey',
  'SharedAccessSignature',
  'x-functions-key',
  'x-identity-header',
  'accessSAS',
  'securityDataAccessSAS',
  'password',
].join('|');

const RULES: readonly (readonly [RegExp, string])[] = [
  // A URL keeps scheme, host and path. Signed ARM polling URLs carry their certificate and signature
  // under one-letter names, so no query of any URL is kept. A percent-encoded URL in a query likewise.
  [/(https?:\/\/[^\s"'<>?]*)\?[^\s"'<>]*/gi, `$1?${MASK}`],
  [/(https?%3A%2F%2F[^\s"'<>?&]*?)%3F[^\s"'<>&]*/gi, `$1?${MASK}`],
  // A bare SAS, whatever separates its parts: `&`, `&amp;`, `\u0026`; raw or percent-encoded.
  [/((?:^|[^A-Za-z0-9])sig)(=|%3D|%253D)[A-Za-z0-9%+/=_~.-]+/gi, `$1$2${MASK}`],
  [
    new RegExp(
      `(["']?(?:^|(?<![A-Za-z0-9_-]))(?:${SECRET_NAMES})["']?\\s*[=:]\\s*)("[^"]*"|'[^']*'|[^\\s"'&;,<>}]+)`,
      'gi',
    ),
    `$1${MASK}`,
  ],
  // A function key in a URL; short values are error and exit codes, which people need.
  [/((?<![A-Za-z0-9_-])code=)[A-Za-z0-9%+/=_~.-]{16,}/gi, `$1${MASK}`],
  [/\b(Bearer|SharedKey|SharedKeyLite)\s+[A-Za-z0-9._~+/=:-]+/gi, `$1 ${MASK}`],
  // A token by itself: three base64url parts, the first of which begins with `{"`.
  [/\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, MASK],
  // Base64 of 64 bytes (an account key) or 32 bytes (a delegation key, a signature).
  [/(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])/g, MASK],
  [/(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])/g, MASK],
];

/** `text` with every SAS, token and key replaced by `***`. Masking twice changes nothing more. */
export const maskSecrets = (text: string): string =>
  RULES.reduce((masked, [pattern, replacement]) => masked.replace(pattern, replacement), text);
