import { BackupError } from '../../lib/errors.ts';

/**
 * before: the call fails and has no effect. after: it has its effect and its answer is lost. hang: it
 * has no effect and never answers, as after the death of the process that made it.
 */
export type FaultMode = 'before' | 'after' | 'hang';

/** Counts every call of every fake that shares it, and makes one of them fail. */
export interface PortFaults {
  /** Names of the calls so far, `snapshots.begin`, in order. */
  readonly calls: readonly string[];
  /** Whether the planned fault has happened. */
  readonly struck: () => boolean;
  run<T>(name: string, act: () => T | Promise<T>): Promise<T>;
}

export interface FaultPlan {
  /** Which call fails, from 1; or every call whose name this accepts. */
  readonly at: number | ((name: string) => boolean);
  readonly mode: FaultMode;
  readonly error?: Error;
}

export function createPortFaults(plan?: FaultPlan): PortFaults {
  const calls: string[] = [];
  let hasStruck = false;
  return {
    calls,
    struck: () => hasStruck,
    async run(name, act) {
      calls.push(name);
      const strikes =
        plan !== undefined &&
        (typeof plan.at === 'number' ? calls.length === plan.at : plan.at(name));
      if (!strikes) return await act();
      hasStruck = true;
      if (plan.mode === 'hang') return await new Promise<never>(() => undefined);
      if (plan.mode === 'after') await act();
      throw plan.error ?? new BackupError('Injected', `injected fault in ${name}`);
    },
  };
}
