/** Every signature that arrives was made somewhere: the ledger wants to know it. */
import type { IncomingMessage } from 'node:http';
import type { SecretLedger } from '../contracts.ts';

const URL_HEADERS = ['x-ms-copy-source', 'x-ms-previous-snapshot-url'] as const;
/** Shorter ones are no HMAC-SHA256, and would be found everywhere. */
const MIN_SIGNATURE_LENGTH = 16;

/** Looks into the URL of the request and the URLs in its headers. */
export function noteSecrets(request: IncomingMessage, ledger: SecretLedger): void {
  const urls = [request.url, ...URL_HEADERS.map((name) => request.headers[name])];
  for (const url of urls) {
    if (typeof url === 'string' && url.includes('sig=')) {
      const signature = new URLSearchParams(url.slice(url.indexOf('?') + 1)).get('sig');
      if (signature !== null && signature.length >= MIN_SIGNATURE_LENGTH) {
        ledger.issued('sas-signature', signature);
      }
    }
  }
}
