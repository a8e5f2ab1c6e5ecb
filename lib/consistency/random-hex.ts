import { randomBytes } from 'node:crypto';

/** `digits` random lower-case hex digits; `digits` is even. */
export const randomHex = (digits: number): string => randomBytes(digits / 2).toString('hex');
