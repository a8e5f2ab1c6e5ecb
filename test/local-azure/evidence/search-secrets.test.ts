import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPatternScanner } from './pattern-scanner.ts';
import { searchSecrets } from './search-secrets.ts';

const SECRET = 'Zx9+/k3bQ7==vT2/LmN8+pR4sW6yU1aC';
const OTHER = 'another-secret-that-is-nowhere';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'lockstep-secrets-test-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** Searches a file with `content` between other bytes; returns `within/encoding` of every hit. */
async function searchIn(content: Buffer | string): Promise<string[]> {
  const folder = await mkdtemp(path.join(directory, 'case-'));
  await mkdir(path.join(folder, 'deep'));
  const data = Buffer.concat([randomBytes(1000), Buffer.from(content), randomBytes(1000)]);
  await writeFile(path.join(folder, 'deep', 'file'), data);
  const { hits, filesSearched } = await searchSecrets({
    directories: [folder],
    secrets: [OTHER, SECRET],
  });
  expect(filesSearched).toBe(1);
  expect(hits.every(({ secret }) => secret === 1)).toBe(true);
  return hits.map(({ within, encoding }) => `${within}/${encoding}`);
}

describe('searchSecrets', () => {
  const upper = encodeURIComponent(SECRET);
  it.each([
    ['bytes/raw', SECRET],
    ['bytes/url', `?sig=${upper}&x`],
    ['bytes/url', upper.replace(/%../g, (code) => code.toLowerCase())],
    ['bytes/url', upper.replaceAll('%3D', '=')],
    ['bytes/url', upper.replaceAll('%2F', '/')],
    ['bytes/doubleUrl', encodeURIComponent(upper)],
    ['bytes/base64', Buffer.from(SECRET).toString('base64')],
    ['bytes/base64', Buffer.from(`x${SECRET}yz`).toString('base64')],
    ['bytes/base64', Buffer.from(`xy${SECRET}yz!`).toString('base64')],
    ['bytes/base64', Buffer.from(`xyz${SECRET}~`).toString('base64')],
    ['bytes/hex', Buffer.from(SECRET).toString('hex')],
    ['bytes/hex', Buffer.from(SECRET).toString('hex').toUpperCase()],
    ['bytes/utf16', Buffer.from(SECRET, 'utf16le')],
    ['bytes/json', SECRET.replaceAll('/', '\\/')],
    [
      'bytes/json',
      SECRET.replaceAll('+', '\\u002B').replaceAll('/', '\\u002F').replaceAll('=', '\\u003D'),
    ],
    ['gzip/raw', gzipSync(`{"url":"${SECRET}"}`)],
    ['gzip/base64', gzipSync(Buffer.from(`{"${SECRET}`).toString('base64'))],
  ])('finds %s', async (expected, content) => {
    expect(await searchIn(content)).toContain(expected);
  });

  it('finds the bytes that a base64 secret stands for', async () => {
    const key = randomBytes(32);
    const file = path.join(directory, 'decoded');
    await writeFile(file, Buffer.concat([randomBytes(7), key, randomBytes(7)]));
    const secrets = [key.toString('base64')];
    const { hits } = await searchSecrets({ files: [file], secrets });
    expect(hits).toMatchObject([{ encoding: 'decoded', firstOffset: 7 }]);
  });

  it('finds base64url', async () => {
    // Every group of 3 bytes with 0x3f in its last six bits shows as `_`.
    const secret = 'ab?ab?ab?ab?ab?';
    const file = path.join(directory, 'base64url');
    await writeFile(file, Buffer.from(`...${secret}`).toString('base64url'));
    const { hits } = await searchSecrets({ files: [file], secrets: [secret] });
    expect(hits.map(({ encoding }) => encoding)).toContain('base64url');
  });

  it('finds nothing where nothing is', async () => {
    expect(await searchIn(`${SECRET.slice(0, -1)} ${SECRET.slice(1)}`)).toEqual([]);
    expect(await searchIn(gzipSync('harmless'))).toEqual([]);
    expect(await searchIn(Buffer.from([0x1f, 0x8b, 0x08, 0, 1, 2, 3]))).toEqual([]);
  });

  it('finds a secret across the border of two chunks, once', async () => {
    const file = path.join(directory, 'large');
    const data = Buffer.alloc(9 * 1024 * 1024, 'abcdefgh');
    for (const border of [4, 8]) data.write(SECRET, border * 1024 * 1024 - 10);
    const member = gzipSync(SECRET);
    member.copy(data, 4 * 1024 * 1024 - 300);
    await writeFile(file, data);
    const { hits, bytesSearched } = await searchSecrets({ files: [file], secrets: [SECRET] });
    expect(bytesSearched).toBe(data.length);
    expect(hits).toContainEqual({
      ...{ file, secret: 0, encoding: 'raw', within: 'bytes' },
      ...{ firstOffset: 4 * 1024 * 1024 - 10, count: 2 },
    });
    expect(hits.filter(({ within }) => within === 'gzip')).toHaveLength(1);
  });

  it('finds a value that SQLite has cut over several pages, and one still in the log', async () => {
    const file = path.join(directory, 'state.sqlite');
    const database = new DatabaseSync(file);
    database.exec(
      'PRAGMA journal_mode = WAL; CREATE TABLE "odd ""name" (a INTEGER, v TEXT, b BLOB)',
    );
    const insert = database.prepare('INSERT INTO "odd ""name" VALUES (?, ?, ?)');
    const cut = `${'x'.repeat(4050)}${SECRET.repeat(200)}`;
    insert.run(2n ** 60n, cut, gzipSync(SECRET));
    const { hits, sqliteValuesSearched } = await searchSecrets({
      files: [file],
      secrets: [SECRET],
    });
    database.close();
    expect(sqliteValuesSearched).toBeGreaterThanOrEqual(2);
    expect(hits).toContainEqual(expect.objectContaining({ within: 'sqlite', count: 200 }));
    expect(hits).toContainEqual(expect.objectContaining({ within: 'gzip' }));
  });

  it('refuses what it cannot search', async () => {
    await expect(searchSecrets({ files: ['/no/such/file'], secrets: [SECRET] })).rejects.toThrow(
      'ENOENT',
    );
    await expect(searchSecrets({ directories: ['/no/such'], secrets: [SECRET] })).rejects.toThrow(
      'ENOENT',
    );
    await expect(searchSecrets({ secrets: ['short'] })).rejects.toThrow('fewer than 8');
  });

  it('searches a lot for many secrets quickly', async () => {
    const file = path.join(directory, 'bulk');
    await writeFile(file, Buffer.concat([randomBytes(16 * 1024 * 1024), Buffer.from(SECRET)]));
    const secrets = Array.from({ length: 500 }, () => randomBytes(32).toString('base64'));
    const startedMs = performance.now();
    const { hits } = await searchSecrets({ files: [file], secrets: [...secrets, SECRET] });
    expect(hits).toHaveLength(1);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  });
});

describe('createPatternScanner', () => {
  it('finds what indexOf finds, however the data is cut', () => {
    const letters = fc.constantFrom(1, 2, 3);
    const bytes = (options: { minLength: number; maxLength: number }) =>
      fc.array(letters, options).map((list) => Buffer.from(list));
    fc.assert(
      fc.property(
        fc.array(bytes({ minLength: 3, maxLength: 6 }), { minLength: 1, maxLength: 5 }),
        fc.array(bytes({ minLength: 0, maxLength: 12 }), { maxLength: 8 }),
        (patterns, pieces) => {
          const found: string[] = [];
          const search = createPatternScanner(patterns).start((pattern, offset) =>
            found.push(`${pattern}@${offset}`),
          );
          for (const piece of pieces) search.push(piece);
          const whole = Buffer.concat(pieces);
          const expected = patterns.flatMap((pattern, index) => {
            const places: string[] = [];
            for (let at = whole.indexOf(pattern); at >= 0; at = whole.indexOf(pattern, at + 1)) {
              places.push(`${index}@${at}`);
            }
            return places;
          });
          expect(found.sort()).toEqual(expected.sort());
        },
      ),
      { numRuns: 80 },
    );
  });
});
