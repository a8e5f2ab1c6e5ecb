export type SecretEncoding =
  | 'raw'
  | 'url'
  | 'doubleUrl'
  | 'base64'
  | 'base64url'
  | 'hex'
  | 'decoded'
  | 'utf16'
  | 'json';

export interface SecretPattern {
  /** Place of the secret in the list that was given. */
  readonly secret: number;
  readonly encoding: SecretEncoding;
  readonly bytes: Buffer;
}

/** Shorter ones would be found by chance. */
const MIN_SECRET_LENGTH = 8;

/**
 * Every form in which a secret is looked for: `decoded` are the bytes that a base64 text stands for. Base64 at each of the three places that it can have in
 * a longer text, without the characters that its neighbours decide.
 */
export function makeSecretPatterns(secrets: readonly string[]): SecretPattern[] {
  return secrets.flatMap((secret, index) => {
    if (secret.length < MIN_SECRET_LENGTH) {
      throw new RangeError(`secret ${index} has fewer than ${MIN_SECRET_LENGTH} characters`);
    }
    const seen = new Set<string>();
    const patterns: SecretPattern[] = [];
    const add = (encoding: SecretEncoding, bytes: Buffer) => {
      const key = bytes.toString('latin1');
      if (seen.has(key)) return;
      seen.add(key);
      patterns.push({ secret: index, encoding, bytes });
    };
    const raw = Buffer.from(secret);
    add('raw', raw);
    for (const url of urlForms(secret)) {
      add('url', Buffer.from(url));
      add('doubleUrl', Buffer.from(encodeURIComponent(url)));
    }
    for (const escaped of jsonForms(secret)) add('json', Buffer.from(escaped));
    for (const text of base64Forms(raw)) {
      add('base64', Buffer.from(text));
      add('base64url', Buffer.from(text.replaceAll('+', '-').replaceAll('/', '_')));
    }
    add('hex', Buffer.from(raw.toString('hex')));
    add('hex', Buffer.from(raw.toString('hex').toUpperCase()));
    if (/^[A-Za-z0-9+/]{22,}={0,2}$/.test(secret) && secret.length % 4 === 0) {
      add('decoded', Buffer.from(secret, 'base64'));
    }
    add('utf16', Buffer.from(secret, 'utf16le'));
    return patterns;
  });
}

/** Upper and lower case escapes, and with those characters left alone that a query may hold. */
function urlForms(secret: string): string[] {
  const whole = encodeURIComponent(secret);
  const forms = ['', '/', '=', '/='].map((kept) =>
    [...kept].reduce((text, char) => text.replaceAll(encodeURIComponent(char), char), whole),
  );
  return forms.flatMap((form) => [
    form,
    form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
  ]);
}

/** As serialisers write that escape more than they must: `\/`, `+` and `=` as `\u002B`. */
function jsonForms(secret: string): string[] {
  const unicode = (upper: boolean) =>
    secret.replace(/[+/=&<>'"]/g, (char) => {
      const code = char.charCodeAt(0).toString(16).padStart(4, '0');
      return `\\u${upper ? code.toUpperCase() : code}`;
    });
  return [secret.replaceAll('/', '\\/'), unicode(true), unicode(false)];
}

function base64Forms(raw: Buffer): string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), raw]).toString('base64');
    const firstOwn = before === 0 ? 0 : before + 1;
    const endOwn = Math.floor(((before + raw.length) * 8) / 6);
    return text.slice(firstOwn, endOwn);
  });
}
