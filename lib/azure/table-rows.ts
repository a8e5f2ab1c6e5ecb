import { odata, type TableClient } from '@azure/data-tables';
import { sameStoredValue } from '../catalog/state-changes.ts';
import type { CatalogTableName } from '../catalog/storage-layout.ts';
import { ConflictError } from '../errors.ts';
import type { Versioned } from '../ports/catalog-store.ts';
import { coerceAzureError, isNotFound, toBackupError } from './arm-errors.ts';
import { packRowBody, unpackRowBody } from './table-row-body.ts';

export interface RowKeys {
  readonly partitionKey: string;
  readonly rowKey: string;
}

export interface RowFilter {
  readonly partitionKey?: string;
  readonly rowKey?: string;
  readonly rowKeyFrom?: string;
  readonly rowKeyBelow?: string;
}

/** Values of one type in one table. Errors are those that `CatalogStore` promises. */
export interface TableRows<T> {
  prepare(): Promise<void>;
  get(keys: RowKeys): Promise<Versioned<T> | undefined>;
  /** False when the row exists, whatever it holds. */
  tryCreate(keys: RowKeys, value: T): Promise<boolean>;
  /** The same value again is accepted, another one is a `ConflictError`. */
  create(keys: RowKeys, value: T): Promise<void>;
  /** Undefined when the row is gone or has another etag. */
  tryReplace(keys: RowKeys, value: T, etag: string): Promise<Versioned<T> | undefined>;
  /** Reads, lets `assertChange` refuse, writes by etag. A repeated change is accepted. */
  update(
    keys: RowKeys,
    next: T,
    etag: string,
    assertChange: (from: T, to: T) => void,
  ): Promise<Versioned<T>>;
  put(keys: RowKeys, value: T): Promise<void>;
  /** False when the row has another etag. A row that is not there counts as removed. */
  remove(keys: RowKeys, etag?: string): Promise<boolean>;
  /** In the order of partition key, then row key. */
  list(filter: RowFilter): Promise<T[]>;
}

export interface TableRowsOptions<T> {
  readonly table: CatalogTableName;
  readonly client: TableClient;
  readonly check: (value: unknown, where: string) => T;
}

const filterText = (filter: RowFilter): string =>
  [
    filter.partitionKey === undefined ? '' : odata`PartitionKey eq ${filter.partitionKey}`,
    filter.rowKey === undefined ? '' : odata`RowKey eq ${filter.rowKey}`,
    filter.rowKeyFrom === undefined ? '' : odata`RowKey ge ${filter.rowKeyFrom}`,
    filter.rowKeyBelow === undefined ? '' : odata`RowKey lt ${filter.rowKeyBelow}`,
  ]
    .filter((part) => part !== '')
    .join(' and ');

export const createTableRows = <T>(options: TableRowsOptions<T>): TableRows<T> => {
  const { table, client, check } = options;
  const nameOf = (keys: RowKeys): string => `Row ${keys.partitionKey}/${keys.rowKey} of ${table}`;
  const read = (entity: Record<string, unknown>): T => {
    const where = nameOf({
      partitionKey: String(entity['partitionKey']),
      rowKey: String(entity['rowKey']),
    });
    return check(unpackRowBody(entity, where), where);
  };
  const entityOf = (keys: RowKeys, value: T) => ({
    ...packRowBody(value, nameOf(keys)),
    partitionKey: keys.partitionKey,
    rowKey: keys.rowKey,
  });
  const failed = (error: unknown, action: string, keys: RowKeys) =>
    toBackupError(error, `${action} ${nameOf(keys)}`, nameOf(keys));

  const get = async (keys: RowKeys): Promise<Versioned<T> | undefined> => {
    try {
      const entity = await client.getEntity(keys.partitionKey, keys.rowKey);
      return { value: read(entity), etag: entity.etag };
    } catch (error) {
      if (coerceAzureError(error).statusCode === 404) return undefined;
      throw failed(error, 'read', keys);
    }
  };

  const tryCreate = async (keys: RowKeys, value: T): Promise<boolean> => {
    try {
      await client.createEntity(entityOf(keys, value));
      return true;
    } catch (error) {
      if (coerceAzureError(error).statusCode === 409) return false;
      throw failed(error, 'create', keys);
    }
  };

  const tryReplace = async (
    keys: RowKeys,
    value: T,
    etag: string,
  ): Promise<Versioned<T> | undefined> => {
    try {
      const answer = await client.updateEntity(entityOf(keys, value), 'Replace', { etag });
      return { value, etag: answer.etag ?? '' };
    } catch (error) {
      const { statusCode } = coerceAzureError(error);
      if (statusCode === 412 || statusCode === 404) return undefined;
      throw failed(error, 'change', keys);
    }
  };

  return {
    get,
    tryCreate,
    tryReplace,

    async prepare() {
      try {
        await client.createTable();
      } catch (error) {
        const { code } = coerceAzureError(error);
        if (code !== 'TableAlreadyExists') throw toBackupError(error, `make table ${table}`, table);
      }
    },

    async create(keys, value) {
      if (await tryCreate(keys, value)) return;
      const existing = await get(keys);
      if (existing !== undefined && sameStoredValue(existing.value, value)) return;
      throw new ConflictError(`${nameOf(keys)} exists with another value`, {
        target: nameOf(keys),
      });
    },

    async update(keys, next, etag, assertChange) {
      const current = await get(keys);
      if (current === undefined) {
        throw new ConflictError(`${nameOf(keys)} is gone`, { target: nameOf(keys) });
      }
      if (current.etag === etag) {
        assertChange(current.value, next);
        const written = await tryReplace(keys, next, etag);
        if (written !== undefined) return written;
      }
      // Our own earlier try may have won without our seeing the answer.
      const winner = await get(keys);
      if (winner !== undefined && sameStoredValue(winner.value, next)) return winner;
      throw new ConflictError(`${nameOf(keys)} was changed by somebody else`, {
        target: nameOf(keys),
      });
    },

    async put(keys, value) {
      try {
        await client.upsertEntity(entityOf(keys, value), 'Replace');
      } catch (error) {
        throw failed(error, 'write', keys);
      }
    },

    async remove(keys, etag = '*') {
      try {
        await client.deleteEntity(keys.partitionKey, keys.rowKey, { etag });
        return true;
      } catch (error) {
        if (coerceAzureError(error).statusCode === 412) return false;
        if (isNotFound(error)) return true;
        throw failed(error, 'remove', keys);
      }
    },

    async list(filter) {
      const values: T[] = [];
      const text = filterText(filter);
      try {
        const pages = client
          .listEntities(text === '' ? {} : { queryOptions: { filter: text } })
          .byPage();
        for await (const page of pages) for (const entity of page) values.push(read(entity));
      } catch (error) {
        throw toBackupError(error, `list rows of ${table}`, table);
      }
      return values;
    },
  };
};
