import { ThrottledError } from '../../lib/errors.ts';
import { done, type Outcome, refused } from '../../lib/outcome.ts';
import type {
  SnapshotInProgress,
  SnapshotResource,
  SnapshotStore,
} from '../../lib/ports/snapshot-store.ts';
import type { Clock } from '../../lib/time/clock.ts';
import { createPortFaults, type PortFaults } from './port-faults.ts';

const GROUP =
  '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-snapshots/providers/Microsoft.Compute/snapshots/';

interface Taken {
  readonly resource: SnapshotResource;
  readonly diskId: string;
  readonly doneAtMs: number;
  /** The moment whose content it keeps. */
  readonly instantMs: number;
  readonly failsWith?: string;
}

export interface MemorySnapshotStore extends SnapshotStore {
  /** Every snapshot that exists, by name. */
  readonly taken: ReadonlyMap<string, Taken>;
}

export interface MemorySnapshotStoreOptions {
  readonly clock: Clock;
  readonly faults?: PortFaults;
  /** How long a snapshot takes, from its request. */
  readonly latencyMs?: (diskId: string, count: number) => number;
  /** 0 to 1: where between request and end the kept moment lies. */
  readonly instantShare?: () => number;
  readonly uniqueIdOfDisk?: (diskId: string) => string;
  /** Refuses a request: with a code, or 'throttle'; `count` numbers the requests from 1. */
  readonly refuse?: (diskId: string, count: number) => string | undefined;
  /** Accepts a request and fails the snapshot later. */
  readonly failLater?: (diskId: string, count: number) => string | undefined;
  readonly retryAfterMs?: number;
}

export function createMemorySnapshotStore(
  options: MemorySnapshotStoreOptions,
): MemorySnapshotStore {
  const { clock } = options;
  const faults = options.faults ?? createPortFaults();
  const taken = new Map<string, Taken>();
  let count = 0;
  const retryAfter =
    options.retryAfterMs === undefined ? {} : { retryAfterMs: options.retryAfterMs };
  const byId = (id: string): Taken | undefined => {
    const name = id.slice(id.lastIndexOf('/') + 1).toLowerCase();
    return [...taken.values()].find((one) => one.resource.name.toLowerCase() === name);
  };

  return {
    taken,
    idOf: (name) => `${GROUP}${name}`,

    async begin(order) {
      count += 1;
      const number = count;
      return faults.run('snapshots.begin', async (): Promise<Outcome<SnapshotInProgress>> => {
        await clock.sleep(40);
        const code = options.refuse?.(order.diskId, number);
        if (code === 'throttle') throw new ThrottledError('too many requests', 20_000);
        if (code !== undefined) return refused('SnapshotRefused', `refused: ${code}`, order.diskId);
        const snapshotId = `${GROUP}${order.name}`;
        const pollingUrl = `https://arm.example/operations/${order.name}?s=secret`;
        // As Azure: the same name again is accepted, and keeps what it has.
        if (!taken.has(order.name)) {
          const latencyMs = options.latencyMs?.(order.diskId, number) ?? 300;
          const acceptedMs = clock.monotonicMs();
          const instantMs = acceptedMs + latencyMs * (options.instantShare?.() ?? 0.5);
          const failsWith = options.failLater?.(order.diskId, number);
          const unique = options.uniqueIdOfDisk?.(order.diskId) ?? `unique-of-${order.diskId}`;
          taken.set(order.name, {
            diskId: order.diskId,
            doneAtMs: acceptedMs + latencyMs,
            instantMs,
            ...(failsWith === undefined ? {} : { failsWith }),
            resource: {
              snapshotId,
              name: order.name,
              resourceGroup: 'rg-snapshots',
              region: order.region,
              provisioningState: 'Succeeded',
              uniqueId: `snapshot-${number}`,
              familyId: `family-of-${order.diskId}`,
              timeCreatedUtc: clock.now().toISOString(),
              sizeBytes: 64 * 1024 * 1024,
              sourceDiskId: order.diskId,
              sourceDiskUniqueId: unique,
              incremental: true,
              tags: { ...order.tags },
            },
          });
        }
        return done({ snapshotId, pollingUrl, ...retryAfter });
      });
    },

    poll: (snapshot) =>
      faults.run('snapshots.poll', async () => {
        await clock.sleep(15);
        const found = byId(snapshot.snapshotId);
        if (found === undefined) {
          return { state: 'failed' as const, errorCode: 'NotFound', message: 'gone' };
        }
        if (clock.monotonicMs() < found.doneAtMs)
          return { state: 'running' as const, ...retryAfter };
        return found.failsWith === undefined
          ? { state: 'succeeded' as const }
          : { state: 'failed' as const, errorCode: found.failsWith, message: 'it failed later' };
      }),

    get: (snapshotId) => faults.run('snapshots.get', () => byId(snapshotId)?.resource),

    remove: (snapshotId) =>
      faults.run('snapshots.remove', () => {
        const found = byId(snapshotId);
        if (found !== undefined) taken.delete(found.resource.name);
      }),
  };
}
