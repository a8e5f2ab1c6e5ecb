import { HttpRequest, type HttpResponseInit } from '@azure/functions';
import type { Settings } from '../../functions/shared/config.ts';
import { answer, type HttpHandler } from '../../functions/shared/http-handler.ts';
import { ROLES } from '../../functions/shared/roles.ts';
import type { InvocationServices } from '../../functions/shared/services.ts';
import type { ListedVm } from '../../lib/ports/vm-directory.ts';
import { createMemoryCatalogStore } from '../fakes/memory-catalog-store.ts';
import { SAMPLE_VM_ID, SAMPLE_VM_UNIQUE_ID } from '../fakes/sample-point.ts';
import { createFakeDurableClient, type FakeInstance } from './fake-durable-client.ts';

const SAMPLE_SETTINGS: Settings = {
  roles: ROLES,
  subscriptionId: '00000000-0000-0000-0000-000000000001',
  deploymentId: 'lockstep-test',
  armEndpoint: 'https://management.azure.com',
  homeRegion: 'westeurope',
  catalogTableEndpoint: 'https://catalog.table.core.windows.net',
  replicaTargets: [
    {
      name: 'paired',
      region: 'northeurope',
      blobEndpoint: 'https://replica.blob.core.windows.net',
      container: 'lockstep-replica',
      storageAccountId:
        '/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/replica',
    },
  ],
  copyMover: 'verified',
  hasManagedIdentity: true,
};

const SAMPLE_VM: ListedVm = {
  vmId: SAMPLE_VM_ID,
  vmUniqueId: SAMPLE_VM_UNIQUE_ID,
  name: 'db-1',
  region: 'westeurope',
  osType: 'Linux',
};

export interface HttpStandOptions {
  readonly settings?: Partial<Settings>;
  readonly services?: Partial<InvocationServices>;
  readonly vms?: readonly ListedVm[];
  readonly onStart?: (id: string, instance: FakeInstance) => void;
}

/** A handler's surroundings: in-memory catalog, listed VMs, a durable client, a clock that jumps. */
export function createHttpStand(options: HttpStandOptions = {}) {
  const catalog = createMemoryCatalogStore();
  const { client, instances } = createFakeDurableClient(options.onStart);
  const vms = options.vms ?? [SAMPLE_VM];
  let nowMs = Date.UTC(2026, 10, 23, 18, 30);
  const logged: string[] = [];
  const unused = (): never => {
    throw new Error('this handler needs no such ports');
  };
  const services: InvocationServices = {
    settings: { ...SAMPLE_SETTINGS, ...options.settings },
    clock: {
      now: () => new Date(nowMs),
      monotonicMs: () => nowMs,
      async sleep(ms) {
        nowMs += ms;
      },
    },
    events: { emit: (name) => void logged.push(name) },
    randomHex: (digits) => 'abcdef0123456789'.slice(0, digits),
    catalog,
    directory: {
      listVms: async () => vms,
      findVm: async (vmId) => vms.find((vm) => vm.vmId.toLowerCase() === vmId.toLowerCase()),
    },
    consistency: unused,
    copy: unused,
    verify: unused,
    restore: unused,
    expiry: unused,
    ...options.services,
  };

  const call = async (
    handler: HttpHandler,
    request: {
      readonly method?: string;
      readonly path?: string;
      readonly query?: Record<string, string>;
      readonly params?: Record<string, string>;
      readonly json?: unknown;
      readonly text?: string;
      readonly contentType?: string;
      readonly contentLength?: string;
    } = {},
  ): Promise<{
    status: number;
    body: Record<string, unknown>;
    headers: Record<string, string>;
  }> => {
    const text = request.text ?? (request.json === undefined ? '' : JSON.stringify(request.json));
    const contentType = request.contentType ?? (text === '' ? undefined : 'application/json');
    const http = new HttpRequest({
      method: request.method ?? 'GET',
      url: `http://localhost${request.path ?? '/api/x'}`,
      headers: {
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
        ...(request.contentLength === undefined ? {} : { 'content-length': request.contentLength }),
      },
      query: request.query ?? {},
      params: request.params ?? {},
      ...(text === '' ? {} : { body: { string: text } }),
    });
    const context = {
      invocationId: 'inv-1',
      error: (line: unknown) => void logged.push(String(line)),
    };
    const response: HttpResponseInit = await answer(context, http, () =>
      handler({ request: http, services, client }),
    );
    return {
      status: response.status ?? 0,
      body: JSON.parse(String(response.body)) as Record<string, unknown>,
      headers: response.headers as Record<string, string>,
    };
  };
  return { catalog, services, instances, call, logged };
}
