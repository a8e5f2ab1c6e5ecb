import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskSecrets } from '../../../lib/azure/secret-masking.ts';

const base64Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });
const surroundings = fc.constantFrom('', ' ', '\n', '"', '{"m":"', 'Error: ', '<HeaderValue>', '(');

describe('maskSecrets', () => {
  it('hides the signature of a SAS in every notation', () => {
    fc.assert(
      fc.property(bytes(32), surroundings, fc.nat(7), (raw, before, form) => {
        const sig = base64Of(raw);
        const encoded = encodeURIComponent(sig);
        const url = `https://md-x.blob.core.windows.net/c/abcd?snapshot=2026&sv=2018-03-28&sr=b&si=1&sig=${encoded}`;
        const texts = [
          url,
          url.replaceAll('&', '&amp;'),
          url.replaceAll('&', '\\u0026'),
          encodeURIComponent(url),
          `sv=2024-01-01&sig=${encoded}&se=2026`,
          `sv=2024-01-01&sig=${sig}`,
          `"accessSAS": "${url}"`,
          `SharedAccessSignature=sv=1&sig=${encoded};BlobEndpoint=https://a.example`,
        ];
        const masked = maskSecrets(`${before}${texts[form]}`);
        expect(masked).not.toContain(sig);
        expect(masked).not.toContain(encoded);
        expect(masked).not.toContain(encodeURIComponent(encoded));
      }),
    );
  });

  it('hides keys, tokens and signed polling URLs', () => {
    fc.assert(
      fc.property(bytes(64), bytes(48), surroundings, fc.nat(8), (raw, other, before, form) => {
        const key = base64Of(raw);
        const word = Buffer.from(other).toString('base64url');
        const token = `eyJhbGciOiJub25lIn0.${word}.${word.slice(8)}`;
        const [text, secret]: readonly [string, string] = (
          [
            [`AccountName=a;AccountKey=${key};EndpointSuffix=x`, key],
            [`the key ${key} was sent`, key],
            [`Authorization: Bearer ${token}`, token],
            [`{"access_token":"${token}","expires_on":"1"}`, token],
            [`https://f.example/api/vms?code=${word}`, word],
            [
              `https://management.azure.com/subscriptions/s/DiskOperations/1?p=2&api-version=3&t=4&c=${word}&s=5`,
              word,
            ],
            [`x-functions-key: ${word}`, word],
            [`GET /api/vms?code=${word}`, word],
            [
              `Authorization: SharedKey acct:${base64Of(raw.slice(0, 32))}`,
              base64Of(raw.slice(0, 32)),
            ],
          ] as const
        )[form] ?? ['', 'x'];
        expect(maskSecrets(`${before}${text}`)).not.toContain(secret);
      }),
    );
  });

  it('leaves what people need to read', () => {
    const text =
      'Disk /subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/d is attached to VM db-1 at 2026-11-23T18:15:01Z, digest ' +
      'a'.repeat(64);
    expect(maskSecrets(text)).toBe(text);
    expect(maskSecrets('GET https://a.blob.core.windows.net/c/b failed')).toBe(
      'GET https://a.blob.core.windows.net/c/b failed',
    );
    for (const kept of ['errorCode=ServerBusy', '{"code":"TooManyRequests"}', 'exit code=3']) {
      expect(maskSecrets(kept)).toBe(kept);
    }
  });

  it('changes nothing when it is applied twice', () => {
    fc.assert(
      fc.property(fc.string(), bytes(64), (text, raw) => {
        const once = maskSecrets(`${text}?sig=${base64Of(raw)}`);
        expect(maskSecrets(once)).toBe(once);
      }),
    );
  });
});
