import { createHash } from 'node:crypto';

/** A UUID made of the first 128 bits of the text's SHA-256: the same text has the same UUID. */
export const uuidOfText = (text: string): string => {
  const hex = createHash('sha256').update(text, 'utf8').digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
};
