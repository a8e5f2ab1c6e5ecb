import type { HostClock } from '../host-clock.ts';
import { createSeededRandom } from '../seeded-random.ts';
import type { OpenTask } from './instance-model.ts';

/** The most by which the genuine host was seen to fire a durable timer early, in ms. */
const MOST_EARLY_MS = 1_000;

export interface TaskTimers {
  arm(instanceId: string, executionId: string, task: OpenTask & { fireAtMs: number }): void;
  disarm(executionId: string, taskId: number): void;
  disarmAll(executionId: string): void;
  stop(): void;
}

/**
 * Durable timers, retry delays included. With a seed each fires a random time up to a second before it is due, as
 * the genuine host may; what the orchestrator is told (FireAt) stays the same.
 */
export function createTaskTimers(
  clock: HostClock,
  seed: number | undefined,
  fire: (instanceId: string, executionId: string, taskId: number) => void,
): TaskTimers {
  const random = seed === undefined ? () => 0 : createSeededRandom(seed);
  const byExecution = new Map<string, Map<number, () => void>>();

  function disarm(executionId: string, taskId: number): void {
    const timers = byExecution.get(executionId);
    timers?.get(taskId)?.();
    timers?.delete(taskId);
    if (timers?.size === 0) {
      byExecution.delete(executionId);
    }
  }

  function disarmAll(executionId: string): void {
    for (const cancel of byExecution.get(executionId)?.values() ?? []) {
      cancel();
    }
    byExecution.delete(executionId);
  }

  return {
    arm(instanceId, executionId, task) {
      const timers = byExecution.get(executionId) ?? new Map<number, () => void>();
      byExecution.set(executionId, timers);
      const dueMs = task.fireAtMs - random() * MOST_EARLY_MS;
      timers.set(
        task.id,
        clock.callAt(dueMs, () => {
          timers.delete(task.id);
          fire(instanceId, executionId, task.id);
        }),
      );
    },
    disarm,
    disarmAll,
    stop() {
      for (const executionId of [...byExecution.keys()]) {
        disarmAll(executionId);
      }
    },
  };
}
