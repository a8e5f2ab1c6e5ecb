import type { DurableClient } from 'durable-functions';

export interface FakeInstance {
  name: string;
  input: unknown;
  runtimeStatus: string;
  customStatus?: unknown;
  output?: unknown;
  lastUpdatedTime?: string;
}

/** The calls of DurableClient that the product uses, with the genuine client's way of failing. */
export function createFakeDurableClient(
  onStart: (id: string, instance: FakeInstance) => void = () => undefined,
) {
  const instances = new Map<string, FakeInstance>();
  const fake = {
    async getStatus(instanceId: string) {
      const instance = instances.get(instanceId);
      if (!instance) {
        throw new Error(
          'DurableClient error: Durable Functions extension replied with HTTP 404 response.',
        );
      }
      return { instanceId, lastUpdatedTime: '2026-11-23T18:20:00Z', ...instance };
    },
    async getStatusBy(filter: { runtimeStatus?: readonly string[] }) {
      return [...instances]
        .filter(([, instance]) => filter.runtimeStatus?.includes(instance.runtimeStatus))
        .map(([instanceId, { input: _, ...instance }]) => ({ instanceId, ...instance }));
    },
    async startNew(name: string, options: { instanceId: string; input: unknown }) {
      const running = instances.get(options.instanceId);
      if (running?.runtimeStatus === 'Running') {
        throw new Error(
          'Conflict: An Orchestration instance with the status Running already exists.',
        );
      }
      const instance: FakeInstance = {
        name,
        input: JSON.parse(JSON.stringify(options.input)),
        runtimeStatus: 'Running',
      };
      onStart(options.instanceId, instance);
      instances.set(options.instanceId, instance);
      return options.instanceId;
    },
  };
  return { client: fake as unknown as DurableClient, instances };
}
