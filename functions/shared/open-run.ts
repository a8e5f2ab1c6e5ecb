import type { DurableOrchestrationStatus } from 'durable-functions';
import type { Refusal } from '../../lib/outcome.ts';
import { fieldsOf } from './instances.ts';

/**
 * A run that could not be cleaned up stays open: its instance dies, and reconcile closes the run
 * once what was in the way (the catalog, ARM) is there again. The reason travels in the status.
 */

/** A custom status may have 16 KB; what a refusal says is a sentence or two. */
const LONGEST_REASON_CHARACTERS = 1_000;

export const failingStatus = (
  runId: string,
  phase: 'failing' | 'undoing',
  { errorCode, message }: Refusal,
): Readonly<Record<string, string>> => ({
  runId,
  phase,
  errorCode,
  message: message.slice(0, LONGEST_REASON_CHARACTERS),
});

/** What the orchestration throws. */
export const leftOpen = (refusal: Refusal, cleaning: Refusal): Error =>
  new Error(`${refusal.message} (and the run could not be cleaned up: ${cleaning.message})`);

/** Why the run of a dead instance failed, where the instance could still say it. */
export const failureInStatus = (
  status: DurableOrchestrationStatus,
): { readonly errorCode: string; readonly message: string } | undefined => {
  const { phase, errorCode, message } = fieldsOf(status.customStatus);
  return (phase === 'failing' || phase === 'undoing') &&
    typeof errorCode === 'string' &&
    typeof message === 'string'
    ? { errorCode, message }
    : undefined;
};
