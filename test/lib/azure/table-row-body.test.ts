import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packRowBody, unpackRowBody } from '../../../lib/azure/table-row-body.ts';

describe('the body of a row', () => {
  it('comes back as it was, in ASCII parts of at most 30,000 characters', () => {
    const values = fc.oneof(
      fc.jsonValue(),
      fc.string({ unit: 'binary', minLength: 9_000, maxLength: 12_000 }),
    );
    fc.assert(
      fc.property(values, (value) => {
        const stored: unknown = JSON.parse(JSON.stringify(value));
        const body = packRowBody({ value }, 'a row');
        for (const part of Object.values(body)) {
          if (typeof part !== 'string') continue;
          expect(part.length).toBeLessThanOrEqual(30_000);
          expect(/^[\x20-\x7e]*$/.test(part)).toBe(true);
        }
        expect(unpackRowBody({ ...body }, 'a row')).toEqual({ value: stored });
      }),
      { numRuns: 60 },
    );
  });
});
