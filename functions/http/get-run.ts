import type { DurableOrchestrationStatus } from 'durable-functions';
import { vmKeyOfRun } from '../../lib/catalog/identifiers.ts';
import type { Run } from '../../lib/catalog/run.ts';
import { type HttpHandler, json, registerRoute } from '../shared/http-handler.ts';
import { findInstance, hasEnded, outcomeOfInstance, runIdOfInstance } from '../shared/instances.ts';
import { instanceIds, roleOfRun } from '../shared/names.ts';
import { notFoundProblem } from '../shared/problems.ts';
import { readProgress } from '../shared/run-progress.ts';

const RETRY_AFTER = { 'retry-after': '2' } as const;

/** Instances that people start and that belong to no VM, so that no row tells of them. */
const RUNS_WITHOUT_ROW: Readonly<Record<string, string>> = {
  [instanceIds.rebuild]: 'rebuild',
  [instanceIds.expire]: 'expire',
};

/** One run: its state, how far it is, and how it ended. */
export const getRun: HttpHandler = async ({ request, services, client }) => {
  const runId = request.params['runId'] ?? '';
  const unknown = () => notFoundProblem('RunNotFound', `There is no run ${runId}`);
  const kind = RUNS_WITHOUT_ROW[runId];
  if (kind !== undefined) {
    const status = await findInstance(client, runId);
    if (status === undefined) throw unknown();
    return answerFor({ runId, kind, ...endOf(status) });
  }
  if (vmKeyOfRun(runId) === undefined) throw unknown();
  const run = await services.catalog.getRun(runId);
  if (run === undefined) throw unknown();
  if (run.state !== 'running') return answerFor(viewOf(run));
  // Another app's hub works on the other roles' runs; only the row tells of these.
  if (!services.settings.roles.includes(roleOfRun[run.kind])) return answerFor(viewOf(run));

  const status = await findInstance(client, run.instanceId);
  if (status !== undefined && runIdOfInstance(status) === runId && !hasEnded(status)) {
    return answerFor({ ...viewOf(run), progress: await readProgress(client, runId, status) });
  }
  // The instance ended, or serves another run: the row was written since, or never will be.
  const again = (await services.catalog.getRun(runId)) ?? run;
  if (again.state !== 'running') return answerFor(viewOf(again));
  const own = status !== undefined && runIdOfInstance(status) === runId ? status : undefined;
  return answerFor({ ...viewOf(again), ...lostEnd(own) });
};

const viewOf = ({ formatVersion: _, instanceId: _id, ...run }: Run) => run;

const answerFor = (run: { readonly state: string } & Readonly<Record<string, unknown>>) =>
  json(200, run, run.state === 'running' ? RETRY_AFTER : {});

/** The end of an instance whose row does not tell it: its output, or that it died. */
const lostEnd = (status: DurableOrchestrationStatus | undefined) => {
  const end = status === undefined ? undefined : endOf(status);
  if (end !== undefined && end.state !== 'running') return end;
  return {
    state: 'failed',
    failure: {
      errorCode: 'InstanceLost',
      message: 'The run did not begin or its instance is gone; start it again',
    },
  };
};

function endOf(status: DurableOrchestrationStatus): {
  readonly state: 'running' | 'succeeded' | 'failed';
  readonly result?: unknown;
  readonly failure?: { readonly errorCode: string; readonly message: string };
} {
  if (!hasEnded(status)) return { state: 'running' };
  const outcome = outcomeOfInstance(status);
  if (outcome?.ok) return { state: 'succeeded', result: outcome.value };
  const { errorCode, message } = outcome ?? {
    errorCode: 'InstanceLost',
    message: `The instance ended as ${status.runtimeStatus} without saying why`,
  };
  return { state: 'failed', failure: { errorCode, message } };
}

registerRoute('getRun', { method: 'GET', route: 'runs/{runId}', handler: getRun });
