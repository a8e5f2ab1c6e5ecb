import { VM_KEY_PATTERN, vmKeyOf } from '../../lib/catalog/identifiers.ts';
import {
  type ConsistencyLabel,
  type ConsistencyRequest,
  LABELS,
  meetsLabel,
} from '../../lib/catalog/labels.ts';
import { closeDeadRun } from '../shared/dead-runs.ts';
import {
  accepted,
  type HttpCall,
  type HttpHandler,
  registerRoute,
} from '../shared/http-handler.ts';
import { compileSchema, readBody } from '../shared/http-input.ts';
import { findInstance, hasEnded, runIdOfInstance } from '../shared/instances.ts';
import { instanceIds, orchestrations } from '../shared/names.ts';
import { fieldProblem, notFoundProblem, ProblemError } from '../shared/problems.ts';
import { newRunId } from '../shared/runs.ts';
import { startRun } from '../shared/start-run.ts';
import type { ProtectVmInput } from '../shared/wire.ts';

interface CreatePointBody {
  readonly vmId?: string;
  readonly vmKey?: string;
  readonly consistency?: {
    readonly provider: 'lockstep' | 'crash';
    readonly label: ConsistencyLabel;
    readonly accept?: ConsistencyLabel;
    readonly freezeDeadlineMs?: number;
  };
  readonly targets?: readonly string[];
}

/** Long enough for snapshots that the platform takes in seconds, short enough for most software. */
const DEFAULT_FREEZE_DEADLINE_MS = 10_000;

const validateBody = compileSchema<CreatePointBody>({
  type: 'object',
  additionalProperties: false,
  properties: {
    vmId: {
      type: 'string',
      pattern:
        '^/subscriptions/[-0-9A-Za-z]{1,36}/resource[gG]roups/[-\\p{L}\\p{N}_.()]{1,90}/providers/[mM]icrosoft\\.[cC]ompute/virtual[mM]achines/[-\\p{L}\\p{N}_.]{1,80}$',
      description: 'the resource id of a virtual machine',
    },
    vmKey: {
      type: 'string',
      pattern: VM_KEY_PATTERN.source,
      description: 'the key of a VM as GET /api/vms shows it',
    },
    consistency: {
      type: 'object',
      additionalProperties: false,
      required: ['provider', 'label'],
      properties: {
        provider: { enum: ['lockstep', 'crash'] },
        label: { enum: LABELS },
        accept: { enum: LABELS },
        freezeDeadlineMs: { type: 'integer', minimum: 1000, maximum: 30_000 },
      },
    },
    targets: { type: 'array', uniqueItems: true, items: { type: 'string', minLength: 1 } },
  },
});

/** Starts a run that makes one restore point of one VM now. */
export const createPoint: HttpHandler = async (call) => {
  const { request, services, client } = call;
  const body = await readBody(request, validateBody);
  const requested = consistencyOf(body.consistency);
  const known = services.settings.replicaTargets.map((target) => target.name);
  const targets = body.targets ?? known;
  for (const [index, target] of targets.entries()) {
    if (known.includes(target)) continue;
    const names = known.length === 0 ? 'this deployment has none' : `known are ${known.join(', ')}`;
    throw fieldProblem(`/targets/${index}`, `is not a replica target: ${names}`);
  }
  const { vmKey, vmId } = await findVm(services, body);

  const instanceId = instanceIds.protect(vmKey);
  await refuseSecondRun(call, instanceId);
  const runId = newRunId(services, 'protect', vmKey);
  const input: ProtectVmInput = { runId, vmId, requested, targets };
  const run = { runId, kind: 'protect', vmKey, instanceId } as const;
  if (!(await startRun(services, client, run, orchestrations.protectVm, { ...input }))) {
    await refuseSecondRun(call, instanceId);
  }
  return accepted(runId, { vmKey });
};

function consistencyOf(asked: CreatePointBody['consistency']): ConsistencyRequest {
  if (asked === undefined) {
    return {
      provider: 'lockstep',
      label: 'fileSystem',
      freezeDeadlineMs: DEFAULT_FREEZE_DEADLINE_MS,
    };
  }
  const { provider, label, accept, freezeDeadlineMs = DEFAULT_FREEZE_DEADLINE_MS } = asked;
  if (accept !== undefined && !meetsLabel(label, accept)) {
    throw fieldProblem(
      '/consistency/accept',
      `must not be better than the wanted label ${label}: best first, they are ${LABELS.join(', ')}`,
    );
  }
  return { provider, label, freezeDeadlineMs, ...(accept === undefined ? {} : { accept }) };
}

async function findVm(
  { catalog, directory }: HttpCall['services'],
  { vmId, vmKey }: CreatePointBody,
): Promise<{ readonly vmKey: string; readonly vmId: string }> {
  if ((vmId === undefined) === (vmKey === undefined)) {
    throw fieldProblem('/vmId', 'or /vmKey must be given, and only one of them');
  }
  if (vmId !== undefined) {
    const vm = await directory.findVm(vmId);
    if (vm) return { vmKey: vmKeyOf(vm.vmId, vm.vmUniqueId), vmId: vm.vmId };
    throw notFoundProblem('VmNotFound', `There is no virtual machine ${vmId}`);
  }
  const key = vmKey ?? '';
  const known = await catalog.getVm(key);
  const candidates = known ? [await directory.findVm(known.vmId)] : await directory.listVms();
  for (const vm of candidates) {
    if (vm && vmKeyOf(vm.vmId, vm.vmUniqueId) === key) return { vmKey: key, vmId: vm.vmId };
  }
  throw notFoundProblem(
    'VmNotFound',
    known
      ? `The virtual machine ${known.vmId} that the key ${key} stands for does not exist any more`
      : `There is no virtual machine with the key ${key}; GET /api/vms lists them`,
  );
}

/**
 * One run of a VM at a time: a second one is refused, not queued. A run whose instance died counts
 * as going until what it made is removed.
 */
async function refuseSecondRun(
  { client, request, services }: HttpCall,
  instanceId: string,
): Promise<void> {
  const existing = await findInstance(client, instanceId);
  if (existing === undefined) return;
  if (hasEnded(existing) && !(await closeDeadRun(services, client, existing))) return;
  const runId = runIdOfInstance(existing);
  throw new ProblemError({
    status: 409,
    errorCode: 'RunInProgress',
    detail: hasEnded(existing)
      ? 'The last run of this VM died and is being cleaned up; try again in a moment'
      : 'A run of this VM is going; wait until it has ended',
    retryAfterSeconds: 5,
    instance: new URL(request.url).pathname,
    ...(runId === undefined ? {} : { extra: { runId } }),
  });
}

registerRoute('createPoint', { method: 'POST', route: 'points', handler: createPoint });
