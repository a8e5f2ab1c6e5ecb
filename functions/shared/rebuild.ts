import type { DurableClient } from 'durable-functions';
import { startInstance } from './instances.ts';
import { instanceIds, orchestrations } from './names.ts';
import type { InvocationServices } from './services.ts';

/** Starts a rebuild of the catalog from the named targets, unless one is going. */
export const startRebuild = (
  client: DurableClient,
  { settings }: Pick<InvocationServices, 'settings'>,
  targets: readonly string[] = settings.replicaTargets.map((target) => target.name),
): Promise<boolean> =>
  startInstance(client, orchestrations.rebuildFromReplicas, instanceIds.rebuild, { targets });
