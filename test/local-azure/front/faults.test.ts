import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../seeded-random.ts';
import { createFaultList, type FaultSubject } from './faults.ts';
import { createSecretLedger } from './secret-ledger.ts';

describe('a fault', () => {
  it.each([
    [{}, {}],
    [{ nth: 0 }, { status: 500 }],
    [{ count: -1 }, { status: 500 }],
    [{ probability: 2 }, { status: 500 }],
    [{}, { status: 200 }],
    [{}, { status: 500, resetBefore: true }],
  ])('with match %j and action %j is refused', (match, action) => {
    expect(() => createFaultList(createSeededRandom('bad')).add(match, action)).toThrow(TypeError);
  });

  it('hits exactly the matching requests from nth on, count of them', () => {
    const subject = (method: string): FaultSubject => ({
      service: 'arm',
      region: undefined,
      method,
      url: '/x',
      operation: undefined,
    });
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('GET', 'PUT'), { maxLength: 30 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 5 }),
        (methods, nth, count) => {
          const list = createFaultList(createSeededRandom('property'));
          list.add({ method: 'PUT', nth, count }, { status: 500 });
          let matching = 0;
          for (const method of methods) {
            const isHit = list.draw(subject(method)) !== undefined;
            if (method === 'PUT') matching += 1;
            const isDue = matching >= nth && (count === 0 || matching < nth + count);
            expect(isHit).toBe(method === 'PUT' && isDue);
          }
        },
      ),
    );
  });

  it('with a probability repeats with the seed', () => {
    const draw = (seed: string) => {
      const list = createFaultList(createSeededRandom(seed));
      list.add({ count: 0, probability: 0.5 }, { status: 500 });
      const subject: FaultSubject = {
        service: 'arm',
        region: undefined,
        method: 'GET',
        url: '/',
        operation: undefined,
      };
      return Array.from({ length: 64 }, () => (list.draw(subject) === undefined ? '-' : 'x')).join(
        '',
      );
    };
    expect(draw('a')).toBe(draw('a'));
    expect(draw('a')).not.toBe(draw('b'));
    expect(draw('a')).toContain('x');
    expect(draw('a')).toContain('-');
  });
});

describe('the ledger of secrets', () => {
  it('lists every value once and refuses what is too short to be searched for', () => {
    const ledger = createSecretLedger();
    ledger.issued('token', 'a'.repeat(20));
    ledger.issued('token', 'a'.repeat(20));
    ledger.issued('account-key', 'b'.repeat(20));
    expect(ledger.list()).toHaveLength(2);
    expect(() => ledger.issued('token', 'short')).toThrow(RangeError);
  });
});
