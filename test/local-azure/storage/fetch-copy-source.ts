import { request as httpsRequest } from 'node:https';
import type { ByteRange } from '../contracts.ts';
import type { CopySourceRequest } from './copy-source.ts';
import { storageErrors } from './storage-error.ts';

const SOURCE_TIMEOUT_MS = 60_000;
const VERSION = '2026-04-06';

/**
 * Reads a range of any https source, as a stranger does: through its front, with what the URL or the
 * token allows. Throws CannotVerifyCopySource or SourceConditionNotMet.
 */
export function fetchCopySource(
  source: CopySourceRequest & { readonly range: ByteRange },
  certificatePem: string,
): Promise<Buffer> {
  const { start, end } = source.range;
  return new Promise((resolve, reject) => {
    const refuse = (status: number, message: string) =>
      reject(storageErrors.cannotVerifyCopySource(status, message));
    const sent = httpsRequest(
      source.url,
      {
        ca: certificatePem,
        timeout: SOURCE_TIMEOUT_MS,
        headers: {
          range: `bytes=${start}-${end - 1}`,
          'x-ms-version': VERSION,
          ...source.conditionHeaders,
          ...(source.authorization && { authorization: source.authorization }),
        },
      },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.once('error', () => refuse(500, 'The copy source ended early.'));
        answer.once('end', () => {
          const status = answer.statusCode ?? 500;
          const body = Buffer.concat(parts);
          if (status === 412 || status === 304) {
            reject(storageErrors.sourceConditionNotMet());
          } else if (status !== 206 && status !== 200) {
            refuse(status, answer.statusMessage ?? 'The copy source refused.');
          } else if (body.length !== end - start) {
            refuse(416, `The copy source gave ${body.length} bytes of ${end - start}.`);
          } else {
            resolve(body);
          }
        });
      },
    );
    sent.once('timeout', () => sent.destroy(new Error('timeout')));
    sent.once('error', () =>
      refuse(500, 'Could not verify the copy source within the specified time.'),
    );
    sent.end();
  });
}
