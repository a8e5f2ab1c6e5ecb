import { messageOf } from '../core/load-app.ts';
import { checkDeterminism } from './determinism.ts';
import type { TurnEnd } from './run-turn.ts';
import { discardDecisions, type TurnDraft } from './turn-draft.ts';

/** The text of the genuine host about a worker that ended. */
export function describeWorkerDeath(exitCode: number): string {
  return `The language worker process exited: node exited with code ${exitCode} (0x${exitCode.toString(16).toUpperCase()})`;
}

/**
 * How a turn ends whose worker died. The instance becomes Failed: in its first turn with the reason; later the genuine
 * host takes the missing answer for one without actions, and misleadingly reports the first scheduled task as missing.
 */
export function endDeadTurn(draft: TurnDraft, reason: string): TurnEnd {
  discardDecisions(draft);
  const { row, schedules } = draft.execution;
  let output = `Orchestrator function '${row.name}' failed: ${reason}`;
  try {
    checkDeterminism(schedules, []);
  } catch (error) {
    output = messageOf(error);
  }
  return { kind: 'finished', status: 'Failed', output: JSON.stringify(output), details: '' };
}
