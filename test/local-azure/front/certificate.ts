import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export interface Certificate {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

/**
 * Makes the one self-signed certificate of a run, for 127.0.0.1 and localhost, and writes it with
 * its key into `directory`. It is its own CA, so that a client trusts every server of the run by
 * trusting this one file. Each has a name of its own: OpenSSL finds the issuer by its name, so a client
 * that trusts the certificates of two runs would take one for the other.
 */
export async function createCertificate(directory: string): Promise<Certificate> {
  const dayMs = 24 * 3600 * 1000;
  const value = `Lockstep local Azure ${randomBytes(8).toString('hex')}`;
  const made = await generate([{ name: 'commonName', value }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - dayMs),
    notAfterDate: new Date(Date.now() + 3650 * dayMs),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      {
        name: 'keyUsage',
        digitalSignature: true,
        keyCertSign: true,
        critical: true,
      },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  const certificateFile = join(directory, 'certificate.pem');
  const keyFile = join(directory, 'key.pem');
  writeFileSync(certificateFile, made.cert);
  writeFileSync(keyFile, made.private, { mode: 0o600 });
  return { certificatePem: made.cert, keyPem: made.private, certificateFile, keyFile };
}
