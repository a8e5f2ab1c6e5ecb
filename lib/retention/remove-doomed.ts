import { vmKeyOfRun } from '../catalog/identifiers.ts';
import type { MadeKind, MadeResource } from '../catalog/run.ts';
import { BackupError } from '../errors.ts';
import type { EventSink } from '../events.ts';
import { done, type Outcome } from '../outcome.ts';
import type { CatalogStore } from '../ports/catalog-store.ts';
import type { Clock } from '../time/clock.ts';

/** `gone`: it is not there any more. `later`: it must not, or cannot, be removed yet. */
export type Removal =
  | { readonly state: 'gone' }
  | { readonly state: 'later'; readonly reason: string };

/**
 * Removes one kind of thing, after making sure that it is ours. Answers `gone` when there is none.
 * Throws when the removal failed.
 */
export type DoomedRemover = (made: MadeResource) => Promise<Removal>;

export interface RemoveDoomedPorts {
  readonly catalog: Pick<CatalogStore, 'listDoomed' | 'listPoints' | 'forgetMade' | 'doom'>;
  readonly clock: Clock;
  readonly events: EventSink;
  /** A kind without a remover stays doomed, and is reported. */
  readonly removers: Partial<Readonly<Record<MadeKind, DoomedRemover>>>;
}

/** What holds something else goes first: a grant keeps its snapshot, a VM its NICs and disks. */
const PHASES: readonly (readonly MadeKind[])[] = [
  ['runCommand', 'sasGrant', 'vm'],
  ['guestSession', 'nic', 'snapshot'],
  ['disk'],
  ['scratchBlob'],
];

const AT_ONCE = 8;
/** One activity lasts at most about five minutes; what is left waits for the next tick. */
const TIME_BUDGET_MS = 200_000;

/**
 * Deletes what `expire` was left to delete. What cannot be deleted stays doomed, with the reason of
 * the last try in its row.
 */
export async function removeDoomed(
  ports: RemoveDoomedPorts,
): Promise<Outcome<{ readonly removed: number; readonly left: number }>> {
  const untilMs = ports.clock.monotonicMs() + TIME_BUDGET_MS;
  // What was tried in vain before comes after what never was: it must not use up all the time.
  const doomed = (await ports.catalog.listDoomed()).toSorted(
    (a, b) => Number(wasTried(a)) - Number(wasTried(b)),
  );
  let removed = 0;
  for (const phase of PHASES) {
    const queue = doomed.filter((row) => phase.includes(row.kind));
    const work = async (): Promise<void> => {
      for (let row = queue.shift(); row !== undefined; row = queue.shift()) {
        if (ports.clock.monotonicMs() >= untilMs) return;
        if (await removeOne(ports, row)) removed += 1;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }
  const left = doomed.length - removed;
  if (doomed.length > 0) ports.events.emit('DoomedRemoved', { removed, left });
  return done({ removed, left });
}

async function removeOne(ports: RemoveDoomedPorts, row: MadeResource): Promise<boolean> {
  const remover = ports.removers[row.kind];
  let why: string;
  try {
    if (await isKeptByPoint(ports.catalog, row)) {
      await ports.catalog.forgetMade(row);
      ports.events.emit('DoomedKept', { resourceId: row.resourceId, runId: row.runId });
      return true;
    }
    const removal: Removal =
      remover === undefined
        ? { state: 'later', reason: `nothing here can remove a ${row.kind}` }
        : await remover(row);
    if (removal.state === 'gone') {
      await ports.catalog.forgetMade(row);
      return true;
    }
    why = removal.reason;
  } catch (error) {
    why =
      error instanceof BackupError
        ? `${error.errorCode}: ${error.message}`
        : error instanceof Error
          ? error.message
          : String(error);
  }
  ports.events.emit('DoomedNotRemoved', { kind: row.kind, resourceId: row.resourceId, why });
  await keepDoomed(ports, row, why);
  return false;
}

/**
 * Whether the run that doomed a snapshot recorded a point with it after all: two executions of one
 * activity may overlap, one dooming what the other records. A point that expires is doomed by the run
 * that expires it, never by the one that made it.
 */
async function isKeptByPoint(
  catalog: RemoveDoomedPorts['catalog'],
  { kind, runId, resourceId }: MadeResource,
): Promise<boolean> {
  const vmKey = vmKeyOfRun(runId);
  if (kind !== 'snapshot' || vmKey === undefined) return false;
  const points = await catalog.listPoints({ vmKey });
  const id = resourceId.toLowerCase();
  return points.some(
    (point) =>
      point.runId === runId &&
      point.state === 'recorded' &&
      point.disks.some((disk) => disk.snapshot?.snapshotId.toLowerCase() === id),
  );
}

const LAST_TRY = ' | last try: ';
const wasTried = ({ reason = '' }: MadeResource): boolean => reason.includes(LAST_TRY);

async function keepDoomed(
  ports: RemoveDoomedPorts,
  { runId, kind, resourceId, sinceUtc, reason = '' }: MadeResource,
  why: string,
): Promise<void> {
  const first = reason.split(LAST_TRY, 1)[0] ?? '';
  const next = `${first}${LAST_TRY}${why}`.slice(0, 1000);
  if (next === reason) return;
  try {
    await ports.catalog.doom({ runId, kind, resourceId, sinceUtc, reason: next });
  } catch (error) {
    // The row is doomed as it was; only the words of this try are lost.
    const message = error instanceof Error ? error.message : String(error);
    ports.events.emit('DoomedReasonNotKept', { resourceId, message });
  }
}
