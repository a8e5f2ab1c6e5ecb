import { expect } from 'vitest';
import type { FaultAction, FaultMatch } from '../local-azure/front/faults.ts';
import type { World } from '../world/start-world.ts';

/** The service does the work, and its answer never arrives. */
export const LOST = { resetAfter: true } as const satisfies FaultAction;

/** Plants the fault, does the work, takes the fault away, and makes sure that it was met. */
export async function withFault<T>(
  world: World,
  match: FaultMatch,
  action: FaultAction,
  work: () => Promise<T>,
): Promise<T> {
  const { id } = await world.azure.control.addFault(match, action);
  let result: T;
  let hits: number | undefined;
  try {
    result = await work();
    hits = (await world.azure.control.faults()).find((one) => one.id === id)?.hits;
  } finally {
    await world.azure.control.clearFaults();
  }
  expect(hits).toBeGreaterThan(0);
  return result;
}
