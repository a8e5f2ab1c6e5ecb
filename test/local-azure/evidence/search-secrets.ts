import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { constants, createInflateRaw } from 'node:zlib';
import { createPatternScanner, type PatternScanner } from './pattern-scanner.ts';
import { makeSecretPatterns, type SecretEncoding, type SecretPattern } from './secret-patterns.ts';
import { isSqliteFile, readSqliteValues } from './sqlite-values.ts';

export interface SecretHit {
  readonly file: string;
  /** Place of the secret in the list that was given: hits never repeat the secret. */
  readonly secret: number;
  readonly encoding: SecretEncoding;
  /** In the file's bytes, in a gzip member inside it, or in a value of a SQLite table. */
  readonly within: 'bytes' | 'gzip' | 'sqlite';
  readonly firstOffset: number;
  readonly count: number;
}

export interface SecretSearch {
  readonly filesSearched: number;
  /** Found in a directory's listing, and gone when they were to be read. */
  readonly filesVanished: number;
  readonly bytesSearched: number;
  readonly gzipMembersSearched: number;
  readonly sqliteValuesSearched: number;
  readonly secretsSearched: number;
  readonly hits: readonly SecretHit[];
}

export interface SecretSearchOptions {
  /** Searched with everything below them; symbolic links are not followed. */
  readonly directories?: readonly string[];
  readonly files?: readonly string[];
  readonly secrets: readonly string[];
}

const CHUNK_BYTES = 4 * 1024 * 1024;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b, 0x08]);
/** A gzip member is read that far; what unpacks to more is searched up to here. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;

/**
 * Searches whole files for every secret, raw and encoded, also inside gzip members wherever they
 * start, and in the values of SQLite databases (whose pages cut long values apart). A directory or
 * file that does not exist is an error: a search of nothing proves nothing.
 */
export async function searchSecrets(options: SecretSearchOptions): Promise<SecretSearch> {
  const patterns = makeSecretPatterns([...new Set(options.secrets)]);
  const scanner = createPatternScanner(patterns.map(({ bytes }) => bytes));
  const totals = { bytesSearched: 0, gzipMembersSearched: 0, sqliteValuesSearched: 0 };
  const files = await listFiles(options);
  const named = new Set((options.files ?? []).map((file) => path.resolve(file)));
  const hits: SecretHit[] = [];
  let filesVanished = 0;
  for (const file of files) {
    const collect = createHitCollector(file, patterns);
    try {
      await searchFile(file, scanner, collect, totals);
    } catch (error) {
      // Programs that still run drop their temporary files; what was named must be there.
      const vanished = !named.has(file) && !(await exists(file));
      if (!vanished) throw error;
      filesVanished += 1;
    }
    hits.push(...collect.hits());
  }
  return {
    filesSearched: files.length - filesVanished,
    filesVanished,
    ...totals,
    secretsSearched: new Set(options.secrets).size,
    hits,
  };
}

type SearchTotals = {
  -readonly [K in
    | 'bytesSearched'
    | 'gzipMembersSearched'
    | 'sqliteValuesSearched']: SecretSearch[K];
};

async function searchFile(
  file: string,
  scanner: PatternScanner,
  collect: HitCollector,
  totals: SearchTotals,
): Promise<void> {
  const gzipOffsets = await searchBytes(file, scanner, collect, totals);
  for (const offset of gzipOffsets) {
    totals.gzipMembersSearched += (await searchGzip(file, offset, scanner, collect)) ? 1 : 0;
  }
  if (!(await isSqliteFile(file))) return;
  for await (const value of readSqliteValues(file)) {
    totals.sqliteValuesSearched += 1;
    scanner.start((pattern, at) => collect.found('sqlite', pattern, at)).push(value);
    if (value.includes(GZIP_MAGIC)) await searchGzipValue(value, scanner, collect);
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

interface HitCollector {
  found(within: SecretHit['within'], pattern: number, offset: number): void;
  hits(): SecretHit[];
}

function createHitCollector(file: string, patterns: readonly SecretPattern[]): HitCollector {
  const byKey = new Map<string, SecretHit>();
  return {
    found(within, pattern, offset) {
      const match = patterns[pattern];
      if (match === undefined) return;
      const { secret, encoding } = match;
      const key = `${within}/${secret}/${encoding}`;
      const known = byKey.get(key);
      byKey.set(
        key,
        known === undefined
          ? { file, secret, encoding, within, firstOffset: offset, count: 1 }
          : { ...known, count: known.count + 1 },
      );
    },
    hits: () => [...byKey.values()],
  };
}

async function listFiles(options: SecretSearchOptions): Promise<string[]> {
  const files = new Set<string>();
  for (const file of options.files ?? []) {
    if (!(await stat(file)).isFile()) throw new TypeError(`${file} is no file`);
    files.add(path.resolve(file));
  }
  for (const directory of options.directories ?? []) {
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) files.add(path.resolve(entry.parentPath, entry.name));
    }
  }
  return [...files];
}

/** Returns the offsets where a gzip member may start. */
async function searchBytes(
  file: string,
  scanner: PatternScanner,
  collect: HitCollector,
  totals: { bytesSearched: number },
): Promise<number[]> {
  const search = scanner.start((pattern, offset) => collect.found('bytes', pattern, offset));
  const gzipOffsets: number[] = [];
  let offset = 0;
  let tail = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES })) {
    const data = chunk as Buffer;
    search.push(data);
    const joined = Buffer.concat([tail, data]);
    for (let at = joined.indexOf(GZIP_MAGIC); at >= 0; at = joined.indexOf(GZIP_MAGIC, at + 1)) {
      gzipOffsets.push(offset - tail.length + at);
    }
    tail = Buffer.from(joined.subarray(Math.max(0, joined.length - GZIP_MAGIC.length + 1)));
    offset += data.length;
  }
  totals.bytesSearched += offset;
  return gzipOffsets;
}

function searchGzip(
  file: string,
  offset: number,
  scanner: PatternScanner,
  collect: HitCollector,
): Promise<boolean> {
  return unpackAndScan(createReadStream(file, { start: offset }), scanner, collect);
}

async function searchGzipValue(
  value: Buffer,
  scanner: PatternScanner,
  collect: HitCollector,
): Promise<void> {
  for (let at = value.indexOf(GZIP_MAGIC); at >= 0; at = value.indexOf(GZIP_MAGIC, at + 1)) {
    await unpackAndScan([value.subarray(at)], scanner, collect);
  }
}

/**
 * True when something was unpacked. An error ends the member and nothing else: the three bytes of
 * the magic stand in other data too. Not `createGunzip`: it loses what it has unpacked when other
 * bytes follow the member.
 */
async function unpackAndScan(
  source: AsyncIterable<Buffer> | Iterable<Buffer>,
  scanner: PatternScanner,
  collect: HitCollector,
): Promise<boolean> {
  const search = scanner.start((pattern, offset) => collect.found('gzip', pattern, offset));
  const inflate = createInflateRaw({ finishFlush: constants.Z_SYNC_FLUSH });
  let unpackedBytes = 0;
  let isOver = false;
  const over = new Promise<void>((resolve) => {
    const end = () => {
      isOver = true;
      resolve();
    };
    inflate.on('close', end).on('end', end).on('error', end);
  });
  inflate.on('data', (data: Buffer) => {
    unpackedBytes += data.length;
    search.push(data);
    if (unpackedBytes > MAX_UNPACKED_BYTES) inflate.destroy();
  });
  let isFirst = true;
  for await (const data of source) {
    if (isOver) break;
    const headerBytes = isFirst ? gzipHeaderBytes(data) : 0;
    if (headerBytes === undefined) break;
    isFirst = false;
    if (!inflate.write(data.subarray(headerBytes))) {
      await Promise.race([over, new Promise((resolve) => inflate.once('drain', resolve))]);
    }
  }
  if (!isOver) inflate.end();
  await over;
  inflate.destroy();
  return unpackedBytes > 0;
}

/** RFC 1952, section 2.3; undefined when the bytes are no header, or its end is not among them. */
function gzipHeaderBytes(data: Buffer): number | undefined {
  if (data.length < 10 || !data.subarray(0, 3).equals(GZIP_MAGIC)) return undefined;
  const flags = data.readUInt8(3);
  if ((flags & 0xe0) !== 0) return undefined;
  let at = 10;
  if ((flags & 4) !== 0) {
    if (data.length < at + 2) return undefined;
    at += 2 + data.readUInt16LE(at);
  }
  // File name and comment, each up to a zero byte.
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue;
    const end = data.indexOf(0, at);
    if (end < 0) return undefined;
    at = end + 1;
  }
  if ((flags & 2) !== 0) at += 2;
  return at < data.length ? at : undefined;
}
