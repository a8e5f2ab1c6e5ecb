import type { TableClient } from '@azure/data-tables';
import { vmKeyOfRun } from '../catalog/identifiers.ts';
import { comparePointsNewestFirst } from '../catalog/point-order.ts';
import { copyRowKey, copyRowKeyRange, madeRowKey, pointRowKey } from '../catalog/row-keys.ts';
import {
  checkFact,
  checkKnownVm,
  checkMadeResource,
  checkPointCopy,
  checkRestorePoint,
  checkRun,
  checkVmLock,
} from '../catalog/row-schemas.ts';
import type { MadeResource, VmLock } from '../catalog/run.ts';
import { assertCopyChange, assertPointChange } from '../catalog/state-changes.ts';
import { CATALOG_TABLES, type CatalogTableName } from '../catalog/storage-layout.ts';
import { ConflictError, MalformedDataError } from '../errors.ts';
import type { CatalogStore } from '../ports/catalog-store.ts';
import { createTableRows } from './table-rows.ts';

export interface TableCatalogStoreOptions {
  /** A client, with its own time limits, of the catalog's account for the table of that name. */
  readonly tableClient: (table: CatalogTableName) => TableClient;
}

/** Writers that meet at one lock row settle it in a few rounds. */
const LOCK_ROUNDS = 8;

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The catalog in Azure Table Storage. Tables and keys: docs/format.md. */
export const createTableCatalogStore = (options: TableCatalogStoreOptions): CatalogStore => {
  const rowsOf = <T>(table: CatalogTableName, check: (value: unknown, where: string) => T) =>
    createTableRows<T>({
      table,
      check,
      client: options.tableClient(table),
    });
  const points = rowsOf(CATALOG_TABLES.points, checkRestorePoint);
  const copies = rowsOf(CATALOG_TABLES.copies, checkPointCopy);
  const runs = rowsOf(CATALOG_TABLES.runs, checkRun);
  const made = rowsOf(CATALOG_TABLES.made, checkMadeResource);
  const doomed = rowsOf(CATALOG_TABLES.doomed, checkMadeResource);
  const locks = rowsOf(CATALOG_TABLES.locks, checkVmLock);
  const vms = rowsOf(CATALOG_TABLES.vms, checkKnownVm);
  const facts = rowsOf(CATALOG_TABLES.facts, checkFact);

  const pointKeys = (vmKey: string, pointId: string) => ({
    partitionKey: vmKey,
    rowKey: pointRowKey(pointId),
  });
  const copyKeys = (vmKey: string, pointId: string, copy: string) => ({
    partitionKey: vmKey,
    rowKey: copyRowKey(pointId, copy),
  });
  const runKeys = (runId: string) => {
    const vmKey = vmKeyOfRun(runId);
    if (vmKey === undefined) {
      throw new MalformedDataError(`'${runId}' is not the id of a run`, { target: 'runId' });
    }
    return { partitionKey: vmKey, rowKey: runId };
  };
  const madeKeys = (row: Pick<MadeResource, 'runId' | 'kind' | 'resourceId'>) => ({
    partitionKey: row.runId,
    rowKey: madeRowKey(row),
  });
  const doomedKeys = (row: Pick<MadeResource, 'runId' | 'kind' | 'resourceId'>) => ({
    partitionKey: 'doomed',
    rowKey: `${row.runId}~${madeRowKey(row)}`,
  });
  const lockKeys = (vmKey: string) => ({ partitionKey: vmKey, rowKey: 'vm' });
  const vmKeys = (vmKey: string) => ({ partitionKey: 'vm', rowKey: vmKey });
  const factKeys = (name: string) => ({ partitionKey: 'fact', rowKey: name });

  const tryTakeLock = async (lock: VmLock, nowUtc: string): Promise<VmLock | undefined> => {
    const keys = lockKeys(lock.vmKey);
    const held = await locks.get(keys);
    if (held === undefined) return (await locks.tryCreate(keys, lock)) ? lock : undefined;
    const free =
      held.value.ownerRunId === lock.ownerRunId ||
      Date.parse(held.value.expiresAtUtc) <= Date.parse(nowUtc);
    if (!free) return held.value;
    return (await locks.tryReplace(keys, lock, held.etag))?.value;
  };

  return {
    async prepare() {
      const tables = [points, copies, runs, made, doomed, locks, vms, facts];
      await Promise.all(tables.map((table) => table.prepare()));
    },

    createPoint: (point) => points.create(pointKeys(point.vmKey, point.pointId), point),
    getPoint: async (vmKey, pointId) => points.get(pointKeys(vmKey, pointId)),
    async findPoint(pointId) {
      const [found] = await points.list({ rowKey: pointRowKey(pointId) });
      return found === undefined ? undefined : points.get(pointKeys(found.vmKey, pointId));
    },
    updatePoint: (next, etag) =>
      points.update(pointKeys(next.vmKey, next.pointId), next, etag, assertPointChange),
    async listPoints(filter) {
      const vmKey = filter?.vmKey;
      const found = await points.list(vmKey === undefined ? {} : { partitionKey: vmKey });
      return found.sort(comparePointsNewestFirst);
    },

    createCopy: (copy) => copies.create(copyKeys(copy.vmKey, copy.pointId, copy.copy), copy),
    getCopy: async (vmKey, pointId, copy) => copies.get(copyKeys(vmKey, pointId, copy)),
    updateCopy: (next, etag) =>
      copies.update(copyKeys(next.vmKey, next.pointId, next.copy), next, etag, assertCopyChange),
    async listCopies({ vmKey, pointId, copy, states }) {
      const range = pointId === undefined ? undefined : copyRowKeyRange(pointId);
      const found = await copies.list({
        ...(vmKey === undefined ? {} : { partitionKey: vmKey }),
        ...(range === undefined ? {} : { rowKeyFrom: range.from, rowKeyBelow: range.to }),
      });
      return found
        .filter((row) => copy === undefined || row.copy === copy)
        .filter((row) => states === undefined || states.includes(row.state))
        .sort((a, b) => comparePointsNewestFirst(a, b) || byText(a.copy, b.copy));
    },

    putRun: async (run) => runs.put(runKeys(run.runId), run),
    getRun: async (runId) => (await runs.get(runKeys(runId)))?.value,
    async listRuns({ vmKey }) {
      const found = await runs.list({ partitionKey: vmKey });
      return found.sort((a, b) => byText(b.startedAtUtc, a.startedAtUtc));
    },

    async noteMade(row) {
      // An existing row stays: it may be doomed, and a late runner must not save what is doomed.
      await made.tryCreate(madeKeys(row), row);
    },
    async doom(row) {
      const next: MadeResource = { ...row, state: 'doomed' };
      await doomed.put(doomedKeys(row), next);
      await made.put(madeKeys(row), next);
    },
    async listDoomed() {
      const found = await doomed.list({ partitionKey: 'doomed' });
      return found.sort((a, b) => byText(a.sinceUtc, b.sinceUtc));
    },
    listMade: (runId) => made.list({ partitionKey: runId }),
    async forgetMade(row) {
      await made.remove(madeKeys(row));
      await doomed.remove(doomedKeys(row));
    },

    async takeLock(lock, nowUtc) {
      for (let round = 0; round < LOCK_ROUNDS; round += 1) {
        const inForce = await tryTakeLock(lock, nowUtc);
        if (inForce !== undefined) return inForce;
      }
      throw new ConflictError(`The lock of VM ${lock.vmKey} changes too often`, {
        target: lock.vmKey,
      });
    },
    async releaseLock(vmKey, ownerRunId) {
      for (let round = 0; round < LOCK_ROUNDS; round += 1) {
        const held = await locks.get(lockKeys(vmKey));
        if (held?.value.ownerRunId !== ownerRunId) return;
        if (await locks.remove(lockKeys(vmKey), held.etag)) return;
      }
      throw new ConflictError(`The lock of VM ${vmKey} changes too often`, { target: vmKey });
    },

    putVm: (vm) => vms.put(vmKeys(vm.vmKey), vm),
    getVm: async (vmKey) => (await vms.get(vmKeys(vmKey)))?.value,
    listVms: () => vms.list({ partitionKey: 'vm' }),

    getFact: async (name) => (await facts.get(factKeys(name)))?.value,
    putFact: (name, value) => facts.put(factKeys(name), value),
  };
};
