import { isDeepStrictEqual } from 'node:util';
import type { DurableClient, DurableOrchestrationStatus } from 'durable-functions';
import { type Outcome, refused } from '../../lib/outcome.ts';

/** Durable instances, without the client's habit of telling everything by exceptions. */

const ENDED: readonly string[] = ['Completed', 'Failed', 'Terminated', 'Canceled'];

/** Undefined when this app's hub has no such instance. */
export async function findInstance(
  client: DurableClient,
  instanceId: string,
): Promise<DurableOrchestrationStatus | undefined> {
  try {
    return await client.getStatus(instanceId, { showInput: true });
  } catch (error) {
    // durable-functions 3.5 has no other sign of a missing instance than this text.
    if (error instanceof Error && error.message.includes('HTTP 404')) return undefined;
    throw error;
  }
}

export const hasEnded = (status: DurableOrchestrationStatus): boolean =>
  ENDED.includes(status.runtimeStatus);

/** The fields of an object that came as JSON; none of anything else. */
export const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

/**
 * How an instance ended: every orchestration of ours ends with an `Outcome`. Undefined while it
 * runs, and when it died without one.
 */
export function outcomeOfInstance(
  status: DurableOrchestrationStatus,
): Outcome<unknown> | undefined {
  if (status.runtimeStatus !== 'Completed') return undefined;
  const { ok, value, errorCode, message } = fieldsOf(status.output);
  if (ok === true) return { ok, value };
  return typeof errorCode === 'string' && typeof message === 'string'
    ? refused(errorCode, message)
    : undefined;
}

/** The run that an instance works on: ids like `protect-<vmKey>` serve one run after the other. */
export const runIdOfInstance = (status: DurableOrchestrationStatus): string | undefined => {
  const runId = fieldsOf(status.input)['runId'];
  return typeof runId === 'string' ? runId : undefined;
};

/** Starts an instance. False when one of that id is at work already. */
export async function startInstance(
  client: DurableClient,
  orchestration: { readonly name: string },
  instanceId: string,
  input: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const existing = await findInstance(client, instanceId);
  if (existing !== undefined && !hasEnded(existing)) return false;
  try {
    await client.startNew(orchestration.name, { instanceId, input });
    return true;
  } catch (error) {
    // The host refuses the id of a running instance with 409; between the question above and the
    // start somebody else may have been faster.
    const raced = await findInstance(client, instanceId);
    if (raced === undefined || hasEnded(raced)) throw error;
    return isDeepStrictEqual(raced.input, input);
  }
}
