import { copyFile, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const SQLITE_MAGIC = 'SQLite format 3\0';

export async function isSqliteFile(file: string): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    const head = Buffer.alloc(SQLITE_MAGIC.length);
    await handle.read(head, 0, head.length, 0);
    return head.toString('latin1') === SQLITE_MAGIC;
  } finally {
    await handle.close();
  }
}

/**
 * Every text and blob of every table, as bytes. Works on a copy of the file and its write-ahead log,
 * so that a database in use is left alone.
 */
export async function* readSqliteValues(file: string): AsyncGenerator<Buffer> {
  const directory = await mkdtemp(path.join(tmpdir(), 'lockstep-sqlite-'));
  try {
    const copy = path.join(directory, 'copy.sqlite');
    await copyFile(file, copy);
    await copyFile(`${file}-wal`, `${copy}-wal`).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    });
    // Loaded when needed: it writes a warning to standard error.
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(copy);
    try {
      const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
      for (const { name } of tables) {
        const quoted = `"${String(name).replaceAll('"', '""')}"`;
        const statement = database.prepare(`SELECT * FROM ${quoted}`);
        statement.setReadBigInts(true);
        for (const row of statement.iterate()) {
          for (const value of Object.values(row)) {
            if (typeof value === 'string') yield Buffer.from(value);
            else if (value instanceof Uint8Array) yield Buffer.from(value);
          }
        }
      }
    } finally {
      database.close();
    }
  } catch (cause) {
    throw new Error(`the SQLite file ${file} cannot be read`, { cause });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
