import { REBUILT_FACT } from '../../lib/restore/rebuild-catalog.ts';
import type { HttpCall } from './http-handler.ts';
import { findInstance, hasEnded, outcomeOfInstance } from './instances.ts';
import { instanceIds } from './names.ts';
import { ProblemError } from './problems.ts';
import { startRebuild } from './rebuild.ts';

/** Well below the 230 s after which Azure's front end ends a request, and a wait that people accept. */
const LONGEST_WAIT_MS = 25_000;
const LOOK_EVERY_MS = 250;

/**
 * In a disaster somebody opens an app that has never listed anything: an app that restores and does
 * not protect fills its empty catalog from the replicas before it answers for the first time.
 */
export async function fillEmptyCatalog({ services, client }: Omit<HttpCall, 'request'>) {
  const { catalog, clock, settings } = services;
  const { roles, replicaTargets } = settings;
  if (!roles.includes('restore') || roles.includes('protect') || replicaTargets.length === 0)
    return;
  if ((await catalog.getFact(REBUILT_FACT)) !== undefined) return;
  const vms = await catalog.listVms();
  if (vms.length > 0) return;

  await startRebuild(client, services);
  const startedMs = clock.monotonicMs();
  while (clock.monotonicMs() - startedMs < LONGEST_WAIT_MS) {
    const status = await findInstance(client, instanceIds.rebuild);
    if (status !== undefined && hasEnded(status)) {
      const outcome = outcomeOfInstance(status);
      if (outcome?.ok) return;
      const { errorCode, message } = outcome ?? {
        errorCode: 'RebuildFailed',
        message: 'its instance died',
      };
      throw new ProblemError({
        status: 503,
        errorCode,
        detail: `The catalog is empty and could not be rebuilt from the replicas: ${message}`,
        retryAfterSeconds: 10,
      });
    }
    await clock.sleep(LOOK_EVERY_MS);
  }
  throw new ProblemError({
    status: 503,
    errorCode: 'CatalogRebuilding',
    detail: 'The catalog is being rebuilt from the replicas; ask again soon',
    retryAfterSeconds: 5,
  });
}
