import { ConflictError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import { chooseCopy } from './choose-copy.ts';
import { findRequestedPoint } from './find-point.ts';
import { gatherCopies } from './gather-copies.ts';
import { gatherDestination } from './gather-destination.ts';
import { holdManifest } from './manifest-lease.ts';
import { planRestore } from './plan-restore.ts';
import { type RestorePlan, refuseRestore } from './restore-plan.ts';
import type { RestorePorts } from './restore-ports.ts';
import type { RestoreRequest } from './restore-request.ts';

export interface PrepareRestoreInput {
  readonly request: RestoreRequest;
  readonly runId: string;
  /** Only plan: nothing is held. */
  readonly dryRun: boolean;
}

const tryToHold = async (ports: RestorePorts, plan: RestorePlan): Promise<Outcome<void>> => {
  try {
    await holdManifest(ports, plan.origin);
    return done(undefined);
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    return refused(
      'PointHeld',
      `Somebody else holds the manifest of point ${plan.origin.pointId}: it is probably being ` +
        'deleted. Restore another point, or try again in a minute.',
      plan.origin.pointId,
    );
  }
};

/**
 * Looks at the point, its copies and the destination, and plans. A refusal carries every reason in
 * `refusals`. A run then holds the replica's manifest; a repeated call plans anew.
 */
export const prepareRestore = async (
  ports: RestorePorts,
  input: PrepareRestoreInput,
): Promise<Outcome<RestorePlan>> => {
  const { request } = input;
  const found = await findRequestedPoint(ports, request);
  if (!found.ok) return refuseRestore([found]);
  const point = found.value;
  const copies = await gatherCopies(ports, request, point);
  const choice = chooseCopy(request, point, copies, ports.homeRegion);
  if (!choice.ok) return refuseRestore([choice]);
  const { chosen, reason } = choice.value;
  // What lies in the container is what is restored; a row may be older than the manifest.
  const restored = chosen.manifest?.point ?? point;
  const destination = await gatherDestination(ports, request, restored, chosen);
  if (!destination.ok) return refuseRestore([destination]);
  const plan = planRestore(
    request,
    { point: restored, chosen, sourceReason: reason, destination: destination.value },
    ports.defaults,
  );
  if (!plan.ok) return plan;
  if (!input.dryRun) {
    const held = await tryToHold(ports, plan.value);
    if (!held.ok) return refuseRestore([held]);
  }
  ports.events.emit('RestorePlanned', {
    runId: input.runId,
    pointId: point.pointId,
    source: plan.value.origin.source,
    steps: plan.value.steps.length,
    warnings: plan.value.warnings.map((warning) => warning.code),
    dryRun: input.dryRun,
  });
  return done(plan.value);
};
