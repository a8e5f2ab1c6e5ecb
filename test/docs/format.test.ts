import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LABELS } from '../../lib/catalog/labels.ts';
import { COPY_STATES, type CopyState, copyMayBecome } from '../../lib/catalog/point-copy.ts';
import {
  BLOB_METADATA,
  CATALOG_TABLES,
  SCRATCH_CONTAINER,
  SESSION_CONTAINER,
  TAGS,
} from '../../lib/catalog/storage-layout.ts';

/** docs/format.md and the code name the same things, in both directions. */

const document = readFileSync('docs/format.md', 'utf8');
const all = (pattern: RegExp, text = document): string[] => [
  ...new Set([...text.matchAll(pattern)].map(([, name = '']) => name)),
];
const section = (number: number): string =>
  document.split(/^## /m).find((part) => part.startsWith(`${number}. `)) ?? '';

describe('docs/format.md', () => {
  it('names every table, and no other', () => {
    expect(all(/^\| `(Lockstep[A-Z]\w+)` \|/gm).sort()).toEqual(
      Object.values(CATALOG_TABLES).toSorted(),
    );
  });

  it('names every tag, and no other', () => {
    expect(all(/`(lockstep-[a-z]+)`/g, section(3)).sort()).toEqual(Object.values(TAGS).toSorted());
  });

  it('names every metadata key, and no other', () => {
    expect(all(/`(lockstep[a-z]+)`/g, section(4)).sort()).toEqual(
      Object.values(BLOB_METADATA).toSorted(),
    );
  });

  it('names the containers', () => {
    expect(section(4)).toContain(`\`${SCRATCH_CONTAINER}\``);
    expect(section(8)).toContain(`\`${SESSION_CONTAINER}\``);
  });

  it('names every label, best first', () => {
    expect(all(/^\| `(\w+)` \|/gm, section(7))).toEqual([...LABELS]);
  });

  it('draws every change of state of a copy, and no other', () => {
    const drawing = section(5).match(/```\n(pending -> copying[\s\S]*?)```/)?.[1] ?? '';
    const drawn = drawing
      .split(/\n| {2,}/)
      .flatMap((chain) => {
        const steps = chain.split(' -> ').map((step) => step.trim().split(' | '));
        // `a -> b | c -> d`: both ways lead from a, and only the last one on to d.
        return steps.slice(1).flatMap((to, index) => {
          const from = steps[index]?.at(-1) ?? '';
          return to.map((state) => `${from} -> ${state}`);
        });
      })
      .sort();
    const legal = COPY_STATES.flatMap((from: CopyState) =>
      COPY_STATES.filter((to) => copyMayBecome(from, to)).map((to) => `${from} -> ${to}`),
    ).sort();
    expect(drawn).toEqual(legal);
  });
});

describe('the guest session protocol', () => {
  const messages = readFileSync('lib/consistency/guest-messages.ts', 'utf8');
  /** Field names on the top level of `{a, b:[{c}], d?:number}`, with their question marks. */
  const fieldsOf = (braces: string): string[] => {
    let inner = braces.slice(1, -1);
    for (let before = ''; before !== inner; ) {
      before = inner;
      inner = inner.replace(/\{[^{}]*\}|\[[^[\]]*\]/g, '');
    }
    return all(/(?:^|,)\s*(\w+\??)(?=[:,]|\s*$)/g, inner).sort();
  };
  const documented = new Map(
    [...section(8).matchAll(/^- (\w+) +(\{[\s\S]*?\})(?=\n| {2,})(?!,)/gm)].map(
      ([, type = '', braces = '']) => [type, fieldsOf(braces)],
    ),
  );

  it.each(['hello', 'frozen', 'failed', 'thawed', 'done'])('has the fields of %s', (type) => {
    const name = `${type.charAt(0).toUpperCase()}${type.slice(1)}Message`;
    const body = new RegExp(`interface ${name} extends Base \\{([\\s\\S]*?)\\n\\}`).exec(messages);
    const fields = all(/^ {2}readonly (\w+\??):/gm, body?.[1] ?? '').filter((f) => f !== 'type');
    expect(fields.length).toBeGreaterThan(0);
    expect(documented.get(type)).toEqual(fields.sort());
  });

  it.each(['go', 'release', 'abort'])('has the fields of %s', (type) => {
    const body = new RegExp(`\\{ readonly type: '${type}'([^}]*)\\}`).exec(messages)?.[1] ?? '';
    expect(documented.get(type)).toEqual(all(/readonly (\w+):/g, body).sort());
  });

  it('names every variable that the helper is given', () => {
    const helper = readFileSync('lib/consistency/guest-helper.py', 'utf8');
    expect(all(/\b(LOCKSTEP_[A-Z_]+)\b/g, section(8)).sort()).toEqual(
      all(/"(LOCKSTEP_[A-Z_]+)"/g, helper).sort(),
    );
  });
});
