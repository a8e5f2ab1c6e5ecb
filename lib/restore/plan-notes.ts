import { type Refusal, refused } from '../outcome.ts';
import type { RestoreWarning } from './restore-plan.ts';

/** Collects what stands in the way of a plan and what its reader should know. */
export interface PlanNotes {
  readonly refusals: readonly Refusal[];
  readonly warnings: readonly RestoreWarning[];
  refuse(errorCode: string, message: string, target?: string): void;
  warn(code: string, message: string, target?: string): void;
}

export const createPlanNotes = (): PlanNotes => {
  const refusals: Refusal[] = [];
  const warnings: RestoreWarning[] = [];
  return {
    refusals,
    warnings,
    refuse: (errorCode, message, target) => {
      refusals.push(refused(errorCode, message, target));
    },
    warn: (code, message, target) => {
      warnings.push({ code, message, ...(target === undefined ? {} : { target }) });
    },
  };
};
