import type { DurableClient, DurableOrchestrationStatus } from 'durable-functions';
import { fieldsOf, findInstance } from './instances.ts';
import { instanceIds } from './names.ts';

const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];

/**
 * How far a run is: what its instance says of itself, and, where it has a child for each disk, what
 * these say. `diskKeys` in the status of the instance tells which children there are.
 */
export async function readProgress(
  client: DurableClient,
  runId: string,
  status: DurableOrchestrationStatus,
): Promise<Readonly<Record<string, unknown>>> {
  const { runId: _, diskKeys, ...own } = fieldsOf(status.customStatus);
  const { phase, pointId } = own;
  const childOf = (diskKey: string): string | undefined => {
    if (phase === 'copying' && typeof pointId === 'string') {
      return instanceIds.copyDisk(runId, pointId, diskKey);
    }
    return phase === 'verifying' ? instanceIds.verifyDisk(runId, diskKey) : undefined;
  };
  const disks = await Promise.all(
    textsOf(diskKeys).map(async (diskKey) => {
      const childId = childOf(diskKey);
      const child = childId === undefined ? undefined : await findInstance(client, childId);
      const state = child?.runtimeStatus ?? 'Pending';
      return { ...fieldsOf(child?.customStatus), diskKey, state };
    }),
  );
  return disks.length === 0 ? own : { ...own, disks };
}
