import type { Refusal } from '../../lib/outcome.ts';
import { prepareRestore } from '../../lib/restore/prepare-restore.ts';
import type { RestorePlan } from '../../lib/restore/restore-plan.ts';
import { RESTORE_REQUEST_SCHEMA, type RestoreRequest } from '../../lib/restore/restore-request.ts';
import { fillEmptyCatalog } from '../shared/empty-catalog.ts';
import { accepted, type HttpHandler, json, registerRoute } from '../shared/http-handler.ts';
import { compileSchema, readBody } from '../shared/http-input.ts';
import { instanceIds, orchestrations } from '../shared/names.ts';
import { ProblemError, problemOfRefusals } from '../shared/problems.ts';
import { newRunId } from '../shared/runs.ts';
import { startRun } from '../shared/start-run.ts';

const validateBody = compileSchema<RestoreRequest>(RESTORE_REQUEST_SCHEMA);

/** A dry run makes nothing, so no row and no resource ever bears this VM key. */
const NO_VM = '0'.repeat(24);

/**
 * Plans a restore, and, unless it is a dry run, starts it. What the plan refuses is refused here, at
 * once, whether or not it is a dry run.
 */
export const createRestore: HttpHandler = async (call) => {
  const { request, services, client } = call;
  const body = await readBody(request, validateBody);
  await fillEmptyCatalog(call);
  const plan = await planOrRefuse(call, body);
  if (body.dryRun === true) return json(200, { plan });

  const { vmKey, pointId, source, target } = plan.origin;
  const runId = newRunId(services, 'restore', vmKey);
  const instanceId = instanceIds.restore(runId);
  // What was planned is what is done, even if a newer point is sealed meanwhile.
  const { vm: _vm, latest: _latest, ...rest } = body;
  const pinned: RestoreRequest = {
    ...rest,
    pointId,
    source,
    ...(target === undefined ? {} : { target }),
  };
  const run = { runId, kind: 'restore', vmKey, instanceId, pointId } as const;
  await startRun(services, client, run, orchestrations.restoreVm, { runId, request: pinned });
  const { vmId, warnings } = plan;
  return accepted(runId, {
    pointId,
    source,
    ...(target === undefined ? {} : { target }),
    vmId,
    warnings,
  });
};

async function planOrRefuse(
  { services }: Parameters<HttpHandler>[0],
  request: RestoreRequest,
): Promise<RestorePlan> {
  const runId = newRunId(services, 'restore', NO_VM);
  const planned = await prepareRestore(services.restore(), {
    request,
    runId,
    dryRun: true,
  });
  if (planned.ok) return planned.value;
  const refusals = 'refusals' in planned ? (planned.refusals as readonly Refusal[]) : [planned];
  throw new ProblemError(problemOfRefusals(refusals));
}

registerRoute('createRestore', { method: 'POST', route: 'restores', handler: createRestore });
