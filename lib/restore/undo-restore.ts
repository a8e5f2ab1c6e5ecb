import type { MadeKind, MadeResource } from '../catalog/run.ts';
import { done, type Outcome } from '../outcome.ts';
import { releaseManifest } from './manifest-lease.ts';
import { removeMade } from './remove-made.ts';
import type { RestoreOrigin } from './restore-plan.ts';
import type { RestorePorts } from './restore-ports.ts';

export interface UndoRestoreInput {
  readonly runId: string;
  /** Absent when nothing was planned. */
  readonly origin?: RestoreOrigin;
}

export interface UndoneRestore {
  readonly removed: number;
  /** Ids of what is still there, each with why. */
  readonly left: readonly { readonly resourceId: string; readonly reason: string }[];
}

/** Users of other things go first. */
const ORDER: readonly MadeKind[] = ['vm', 'nic', 'disk', 'scratchBlob'];
const TRIES = 3;
const PAUSE_MS = 1_000;

const newestFirst = (a: MadeResource, b: MadeResource): number =>
  ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || (a.sinceUtc < b.sinceUtc ? 1 : -1);

const tryToRemove = async (ports: RestorePorts, row: MadeResource): Promise<string | undefined> => {
  let reason: string | undefined;
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    try {
      reason = await removeMade(ports, row);
      if (reason === undefined) {
        await ports.catalog.forgetMade(row);
        return undefined;
      }
    } catch (error) {
      reason = error instanceof Error ? error.message : 'unknown';
    }
    if (attempt < TRIES) await ports.clock.sleep(PAUSE_MS);
  }
  return reason;
};

/**
 * Removes everything that the run made, the newest first, and names what it could not remove. Its
 * rows stay, so that a repeated call tries again.
 */
export const undoRestore = async (
  ports: RestorePorts,
  { runId, origin }: UndoRestoreInput,
): Promise<Outcome<UndoneRestore>> => {
  const rows = [...(await ports.catalog.listMade(runId))].sort(newestFirst);
  const left: { resourceId: string; reason: string }[] = [];
  for (const row of rows) {
    const reason = await tryToRemove(ports, row);
    if (reason !== undefined) left.push({ resourceId: row.resourceId, reason });
  }
  if (origin !== undefined) await releaseManifest(ports, origin);
  ports.events.emit('RestoreUndone', {
    runId,
    removed: rows.length - left.length,
    left: left.map((one) => one.resourceId),
  });
  return done({ removed: rows.length - left.length, left });
};
