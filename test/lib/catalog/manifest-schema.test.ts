import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../../lib/catalog/manifest-schema.ts';
import { MalformedDataError } from '../../../lib/errors.ts';
import { sampleManifest } from '../../fakes/sample-point.ts';

const PATH = 'a/points/b.json';
const read = (value: unknown) => parseManifest(JSON.stringify(value), PATH);
type Json = Record<string, unknown>;

describe('parseManifest', () => {
  it('gives back what was written, field by field', () => {
    expect(read(sampleManifest())).toEqual(sampleManifest());
  });

  it('keeps fields that a later version added', () => {
    expect(read({ ...sampleManifest(), later: 1 })).toHaveProperty('later', 1);
  });

  it('names the path of a manifest that is not JSON', () => {
    expect(() => parseManifest('{"formatVersion":', PATH)).toThrow(
      /Manifest a\/points\/b\.json is not JSON/,
    );
  });

  it('names the field when any required one is missing', () => {
    const visit = (value: unknown, path: string[]): string[][] =>
      Array.isArray(value)
        ? value.length === 0
          ? []
          : visit(value[0], [...path, '0'])
        : typeof value === 'object' && value !== null
          ? Object.entries(value).flatMap(([name, child]) => [
              [...path, name],
              ...visit(child, [...path, name]),
            ])
          : [];
    const optional =
      /^digest$|recordedAtUtc|verdict|snapshot|accept|baseReason|deleteOption|osType|hyperV/;
    const free = /tags\.|raw\.(vm|disks|nics)\.|freezeHeldMs|slowestSnapshotMs|privateIpAddress/;
    const paths = visit(sampleManifest(), []).filter((path) => {
      const name = path.join('.');
      return !optional.test(path.at(-1) ?? '') && !free.test(name);
    });
    expect(paths.length).toBeGreaterThan(80);
    for (const path of paths) {
      const value = structuredClone(sampleManifest()) as unknown as Json;
      let at: Json = value;
      for (const part of path.slice(0, -1)) at = at[part] as Json;
      delete at[path.at(-1) ?? ''];
      expect(() => read(value), path.join('.')).toThrow(MalformedDataError);
      expect(() => read(value), path.join('.')).toThrow(`field ${path.join('.')} must have`);
    }
  });

  it.each([
    ['another version', { formatVersion: 2 }, 'formatVersion'],
    ['another kind', { kind: 'x' }, 'kind'],
    ['a time that is none', { sealedAtUtc: 'yesterday' }, 'sealedAtUtc'],
    ['no disks', { disks: [] }, 'disks'],
    ['holds that are no list', { holds: 'x' }, 'holds'],
  ])('refuses %s', (_name, change, field) => {
    expect(() => read({ ...sampleManifest(), ...change })).toThrow(field);
  });

  it('refuses a disk that is missing, twice, of another size, or with too few sums', () => {
    const manifest = sampleManifest();
    const [first, ...rest] = manifest.disks;
    if (first === undefined) throw new Error('the sample has no disk');
    expect(() => read({ ...manifest, disks: rest })).toThrow(/3 disks, but the point has 4/);
    expect(() => read({ ...manifest, disks: [first, first, ...rest.slice(1)] })).toThrow(/twice/);
    expect(() =>
      read({ ...manifest, disks: [{ ...first, sizeBytes: first.sizeBytes * 2 }, ...rest] }),
    ).toThrow(/size/);
    expect(() =>
      read({
        ...manifest,
        disks: [{ ...first, digest: { ...first.digest, segments: [] } }, ...rest],
      }),
    ).toThrow(/needs 1 digest sums and has 0/);
  });

  it('refuses a proof without digest, and accepts a copy that has neither', () => {
    const manifest = sampleManifest();
    const disks = manifest.disks.map(({ digest: _digest, ...disk }) => disk);
    expect(() => read({ ...manifest, disks })).toThrow(/which its digest contradicts/);
    const unproven = { ...manifest, disks: disks.map((d) => ({ ...d, proof: 'none' as const })) };
    expect(read(unproven)).toEqual(unproven);
  });
});
