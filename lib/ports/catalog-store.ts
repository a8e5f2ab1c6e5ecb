import type { PointCopy } from '../catalog/point-copy.ts';
import type { RestorePoint } from '../catalog/restore-point.ts';
import type { KnownVm, MadeResource, Run, VmLock } from '../catalog/run.ts';

/** A stored value with the version that a conditional write needs. */
export interface Versioned<T> {
  readonly value: T;
  readonly etag: string;
}

/**
 * The catalog: rows that change only by etag. Every method may be repeated. Reads of rows that do
 * not have the promised form throw `MalformedDataError` naming table, keys and field; lost races
 * throw `ConflictError`; everything else that throws may be cured by a retry.
 */
export interface CatalogStore {
  /** Makes missing tables. May run twice, also at once. */
  prepare(): Promise<void>;

  /** Creates the row; the same value again is accepted, another value is a `ConflictError`. */
  createPoint(point: RestorePoint): Promise<void>;
  getPoint(vmKey: string, pointId: string): Promise<Versioned<RestorePoint> | undefined>;
  /** Finds a point by its id alone (a scan: for HTTP, not for loops). */
  findPoint(pointId: string): Promise<Versioned<RestorePoint> | undefined>;
  /** Refuses illegal state changes with a `ConflictError` that names both states. */
  updatePoint(next: RestorePoint, etag: string): Promise<Versioned<RestorePoint>>;
  /** Newest first; of one VM, or of all. */
  listPoints(filter?: { readonly vmKey?: string }): Promise<readonly RestorePoint[]>;

  createCopy(copy: PointCopy): Promise<void>;
  getCopy(vmKey: string, pointId: string, copy: string): Promise<Versioned<PointCopy> | undefined>;
  /** Refuses illegal state changes with a `ConflictError` that names both states. */
  updateCopy(next: PointCopy, etag: string): Promise<Versioned<PointCopy>>;
  /** Newest point first. */
  listCopies(filter: {
    readonly vmKey?: string;
    readonly pointId?: string;
    readonly copy?: string;
    readonly states?: readonly PointCopy['state'][];
  }): Promise<readonly PointCopy[]>;

  putRun(run: Run): Promise<void>;
  getRun(runId: string): Promise<Run | undefined>;
  listRuns(filter: { readonly vmKey: string }): Promise<readonly Run[]>;

  /** Write this before making the thing. */
  noteMade(made: MadeResource): Promise<void>;
  /** Marks for deletion by `expire`, whether or not `noteMade` came before. */
  doom(made: Omit<MadeResource, 'state'>): Promise<void>;
  /** Everything doomed, oldest first. */
  listDoomed(): Promise<readonly MadeResource[]>;
  listMade(runId: string): Promise<readonly MadeResource[]>;
  /** The thing is gone, or belongs to a point or user from here on. */
  forgetMade(made: Pick<MadeResource, 'runId' | 'kind' | 'resourceId'>): Promise<void>;

  /**
   * Takes the VM's lock for `ownerRunId` until `expiresAtUtc`; the owner may take it again. Answers
   * the lock in force: another owner's when it is held and not expired at `nowUtc`.
   */
  takeLock(lock: VmLock, nowUtc: string): Promise<VmLock>;
  /** Does nothing when somebody else holds it. */
  releaseLock(vmKey: string, ownerRunId: string): Promise<void>;

  putVm(vm: KnownVm): Promise<void>;
  getVm(vmKey: string): Promise<KnownVm | undefined>;
  listVms(): Promise<readonly KnownVm[]>;

  /** Small facts about the catalog itself, such as when it was last rebuilt. */
  getFact(name: string): Promise<string | undefined>;
  putFact(name: string, value: string): Promise<void>;
}
