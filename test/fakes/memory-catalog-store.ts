import type { PointCopy } from '../../lib/catalog/point-copy.ts';
import { comparePointsNewestFirst } from '../../lib/catalog/point-order.ts';
import type { RestorePoint } from '../../lib/catalog/restore-point.ts';
import { madeRowKey } from '../../lib/catalog/row-keys.ts';
import type { KnownVm, MadeResource, Run, VmLock } from '../../lib/catalog/run.ts';
import {
  assertCopyChange,
  assertPointChange,
  sameStoredValue,
} from '../../lib/catalog/state-changes.ts';
import { ConflictError } from '../../lib/errors.ts';
import type { CatalogStore, Versioned } from '../../lib/ports/catalog-store.ts';

export interface MemoryCatalogStore extends CatalogStore {
  /** Names of the methods called so far, in order. */
  readonly calls: readonly string[];
}

export interface MemoryCatalogStoreOptions {
  /**
   * Runs before each call takes effect, with its number from 1; a throw is what the caller sees.
   * `after` runs when the call took effect but has not answered yet: a throw is a lost answer.
   */
  readonly before?: (method: string, callNumber: number) => void | Promise<void>;
  readonly after?: (method: string, callNumber: number) => void | Promise<void>;
}

const stored = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** Rows of one type with etags. */
const createRows = <T>() => {
  const rows = new Map<string, { value: T; etag: string }>();
  let version = 0;
  const put = (key: string, value: T): Versioned<T> => {
    version += 1;
    const row = { value: stored(value), etag: `W/"${version}"` };
    rows.set(key, row);
    return { value: stored(row.value), etag: row.etag };
  };
  const get = (key: string): Versioned<T> | undefined => {
    const row = rows.get(key);
    return row === undefined ? undefined : { value: stored(row.value), etag: row.etag };
  };
  return {
    put,
    get,
    delete: (key: string) => rows.delete(key),
    values: (): T[] => [...rows.values()].map((row) => stored(row.value)),
    create: (key: string, value: T, name: string): void => {
      const existing = rows.get(key);
      if (existing === undefined) put(key, value);
      else if (!sameStoredValue(existing.value, value)) {
        throw new ConflictError(`${name} exists with another value`, { target: name });
      }
    },
    update: (
      key: string,
      next: T,
      etag: string,
      name: string,
      assertChange: (from: T, to: T) => void,
    ): Versioned<T> => {
      const row = rows.get(key);
      if (row === undefined) throw new ConflictError(`${name} is gone`, { target: name });
      if (row.etag !== etag) {
        if (sameStoredValue(row.value, next)) return { value: stored(row.value), etag: row.etag };
        throw new ConflictError(`${name} was changed by somebody else`, { target: name });
      }
      assertChange(row.value, next);
      return put(key, next);
    },
  };
};

const key = (...parts: string[]): string => parts.join('\n');

/** A catalog in memory, for unit tests of the operations. Passes the same contract as the adapter. */
export const createMemoryCatalogStore = (
  options: MemoryCatalogStoreOptions = {},
): MemoryCatalogStore => {
  const points = createRows<RestorePoint>();
  const copies = createRows<PointCopy>();
  const runs = createRows<Run>();
  const made = createRows<MadeResource>();
  const locks = createRows<VmLock>();
  const vms = createRows<KnownVm>();
  const facts = createRows<string>();
  const calls: string[] = [];

  const call = async <T>(method: string, act: () => T): Promise<T> => {
    calls.push(method);
    const number = calls.length;
    await options.before?.(method, number);
    const answer = act();
    await options.after?.(method, number);
    return answer;
  };
  const madeKey = (row: Pick<MadeResource, 'runId' | 'kind' | 'resourceId'>): string =>
    key(row.runId, madeRowKey(row));

  return {
    calls,
    prepare: () => call('prepare', () => undefined),

    createPoint: (point) =>
      call('createPoint', () =>
        points.create(key(point.vmKey, point.pointId), point, `Point ${point.pointId}`),
      ),
    getPoint: (vmKey, pointId) => call('getPoint', () => points.get(key(vmKey, pointId))),
    findPoint: (pointId) =>
      call('findPoint', () => {
        const point = points.values().find((candidate) => candidate.pointId === pointId);
        return point === undefined ? undefined : points.get(key(point.vmKey, pointId));
      }),
    updatePoint: (next, etag) =>
      call('updatePoint', () =>
        points.update(
          key(next.vmKey, next.pointId),
          next,
          etag,
          `Point ${next.pointId}`,
          assertPointChange,
        ),
      ),
    listPoints: (filter) =>
      call('listPoints', () =>
        points
          .values()
          .filter((point) => filter?.vmKey === undefined || point.vmKey === filter.vmKey)
          .sort(comparePointsNewestFirst),
      ),

    createCopy: (copy) =>
      call('createCopy', () =>
        copies.create(
          key(copy.vmKey, copy.pointId, copy.copy),
          copy,
          `Copy ${copy.copy} of point ${copy.pointId}`,
        ),
      ),
    getCopy: (vmKey, pointId, copy) => call('getCopy', () => copies.get(key(vmKey, pointId, copy))),
    updateCopy: (next, etag) =>
      call('updateCopy', () =>
        copies.update(
          key(next.vmKey, next.pointId, next.copy),
          next,
          etag,
          `Copy ${next.copy} of point ${next.pointId}`,
          assertCopyChange,
        ),
      ),
    listCopies: (filter) =>
      call('listCopies', () =>
        copies
          .values()
          .filter(
            (copy) =>
              (filter.vmKey === undefined || copy.vmKey === filter.vmKey) &&
              (filter.pointId === undefined || copy.pointId === filter.pointId) &&
              (filter.copy === undefined || copy.copy === filter.copy) &&
              (filter.states === undefined || filter.states.includes(copy.state)),
          )
          .sort((a, b) => comparePointsNewestFirst(a, b) || (a.copy < b.copy ? -1 : 1)),
      ),

    putRun: (run) => call('putRun', () => void runs.put(run.runId, run)),
    getRun: (runId) => call('getRun', () => runs.get(runId)?.value),
    listRuns: ({ vmKey }) =>
      call('listRuns', () =>
        runs
          .values()
          .filter((run) => run.vmKey === vmKey)
          .sort((a, b) => (a.startedAtUtc < b.startedAtUtc ? 1 : -1)),
      ),

    noteMade: (row) =>
      call('noteMade', () => {
        if (made.get(madeKey(row)) === undefined) made.put(madeKey(row), row);
      }),
    doom: (row) => call('doom', () => void made.put(madeKey(row), { ...row, state: 'doomed' })),
    listDoomed: () =>
      call('listDoomed', () =>
        made
          .values()
          .filter((row) => row.state === 'doomed')
          .sort((a, b) => (a.sinceUtc < b.sinceUtc ? -1 : a.sinceUtc > b.sinceUtc ? 1 : 0)),
      ),
    listMade: (runId) => call('listMade', () => made.values().filter((row) => row.runId === runId)),
    forgetMade: (row) => call('forgetMade', () => void made.delete(madeKey(row))),

    takeLock: (lock, nowUtc) =>
      call('takeLock', () => {
        const held = locks.get(lock.vmKey)?.value;
        const free =
          held === undefined ||
          held.ownerRunId === lock.ownerRunId ||
          Date.parse(held.expiresAtUtc) <= Date.parse(nowUtc);
        return free ? locks.put(lock.vmKey, lock).value : held;
      }),
    releaseLock: (vmKey, ownerRunId) =>
      call('releaseLock', () => {
        if (locks.get(vmKey)?.value.ownerRunId === ownerRunId) locks.delete(vmKey);
      }),

    putVm: (vm) => call('putVm', () => void vms.put(vm.vmKey, vm)),
    getVm: (vmKey) => call('getVm', () => vms.get(vmKey)?.value),
    listVms: () => call('listVms', () => vms.values().sort((a, b) => (a.vmKey < b.vmKey ? -1 : 1))),

    getFact: (name) => call('getFact', () => facts.get(name)?.value),
    putFact: (name, value) => call('putFact', () => void facts.put(name, value)),
  };
};
