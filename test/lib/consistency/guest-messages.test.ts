import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGuestLine } from '../../../lib/consistency/guest-messages.ts';

const SESSION = `s-${'0'.repeat(32)}`;
const line = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const thawed = {
  v: 1,
  session: SESSION,
  seq: 2,
  type: 'thawed',
  cause: 'released',
  mounts: [{ mountPoint: '/', ok: true }],
  heldMs: 12.5,
  monotonicMs: 1,
  utc: '2026-11-23T18:15:01Z',
};

describe('parseGuestLine', () => {
  it('reads a good message, also with fields that it does not know', () => {
    expect(parseGuestLine(line(thawed), SESSION, 2)).toMatchObject({ ok: true });
    expect(parseGuestLine(line({ ...thawed, later: 1 }), SESSION, 2)).toMatchObject({ ok: true });
  });

  it('answers, and never throws, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(parseGuestLine(bytes, SESSION, 0).ok).toBe(false);
      }),
    );
  });

  it('answers, and never throws, for any JSON in any field', () => {
    const fields = Object.keys(thawed);
    fc.assert(
      fc.property(fc.constantFrom(...fields), fc.jsonValue(), (field, value) => {
        const changed = { ...thawed, [field]: value };
        const parsed = parseGuestLine(line(changed), SESSION, 2);
        const unchanged = JSON.stringify(changed) === JSON.stringify(thawed);
        if (!parsed.ok) expect(parsed.problem.length).toBeLessThan(200);
        if (unchanged) expect(parsed.ok).toBe(true);
        if (['v', 'session', 'seq', 'type', 'cause'].includes(field) && !unchanged) {
          expect(parsed.ok).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });
});
