import { expect, test } from 'vitest';
import { uuidOfText } from '../../../lib/digest/uuid-of-text.ts';

test('a text has one UUID, the first half of its SHA-256', () => {
  // SHA-256 of "abc" as FIPS 180-4 prints it: ba7816bf 8f01cfea 414140de 5dae2223 ...
  expect(uuidOfText('abc')).toBe('ba7816bf-8f01-cfea-4141-40de5dae2223');
  expect(uuidOfText('abd')).not.toBe(uuidOfText('abc'));
});
