/** What the tests of ARM share: the genuine SDK clients, and bare requests to see the wire. */

import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ResourceManagementClient } from '@azure/arm-resources';
import { SubscriptionClient } from '@azure/arm-resources-subscriptions';
import { DefaultAzureCredential } from '@azure/identity';
import { type ControlClient, createControlClient } from '../control/control-client.ts';
import { type LocalAzureInfo, startLocalAzure } from '../local-azure.ts';
import type { LocalAzureConfig } from '../local-azure-config.ts';
import type { JsonObject } from './json.ts';

export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: JsonObject;
}

export interface ArmTestClient {
  readonly info: LocalAzureInfo;
  readonly control: ControlClient;
  readonly compute: ComputeManagementClient;
  readonly resources: ResourceManagementClient;
  readonly subscriptions: SubscriptionClient;
  readonly credential: DefaultAzureCredential;
  /** `path` from `/`, or a whole URL. Signs in as `identity`; `undefined` sends no token. */
  raw(method: string, path: string, body?: unknown, identity?: string | null): Promise<RawReply>;
  /** Path of a resource of the run, `rg` being its group. */
  path(rg: string, provider: string, tail?: string): string;
  /** Polls a URL until its `status` is final. */
  poll(url: string): Promise<JsonObject>;
  stop(): Promise<void>;
}

const quick = { min: 5, max: 20 } as const;

/** Every SDK call of the tests polls quickly: the local Azure is told to be quick, too. */
export const soon = { updateIntervalInMs: 20 } as const;

function send(
  url: URL,
  method: string,
  headers: Record<string, string>,
  body: string | undefined,
  ca: string,
): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, ca, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text === '' ? {} : (JSON.parse(text) as JsonObject),
        });
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/**
 * A local Azure in this process, with small latencies, without storage accounts and without a limit
 * on snapshots per 5 minutes, unless `config` says otherwise.
 */
export async function startArmTestClient(config: LocalAzureConfig = {}): Promise<ArmTestClient> {
  const azure = await startLocalAzure({
    snapshotLatencyMs: quick,
    operationLatencyMs: quick,
    vmLatencyMs: quick,
    runCommandLatencyMs: quick,
    maxIncrementalSnapshotsPer5Min: 0,
    accounts: [],
    ...config,
  });
  const { info } = azure;
  const ca = readFileSync(info.caFile, 'utf8');
  setDefaultCACertificates([...getCACertificates('default'), ca]);
  process.env['IDENTITY_ENDPOINT'] = info.identityEndpoint;
  process.env['IDENTITY_HEADER'] = info.identities[0]?.header;
  const credential = new DefaultAzureCredential();
  const options = { endpoint: info.arm, retryOptions: { maxRetries: 0 } };
  const control = createControlClient(info.control);
  const tokens = new Map<string, string>();
  async function tokenOf(identity: string): Promise<string> {
    const known = tokens.get(identity);
    if (known !== undefined) return known;
    const { token } = await control.issueToken(identity, 'https://management.azure.com');
    tokens.set(identity, token);
    return token;
  }
  const raw: ArmTestClient['raw'] = async (method, path, body, identity = 'protect') => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return send(
      new URL(path, info.arm),
      method,
      {
        ...(text === undefined ? {} : { 'content-type': 'application/json' }),
        ...(identity === null ? {} : { authorization: `Bearer ${await tokenOf(identity)}` }),
      },
      text,
      ca,
    );
  };
  return {
    info,
    control,
    credential,
    compute: new ComputeManagementClient(credential, info.subscriptionId, options),
    resources: new ResourceManagementClient(credential, info.subscriptionId, options),
    subscriptions: new SubscriptionClient(credential, options),
    raw,
    path: (rg, provider, tail = '') =>
      `/subscriptions/${info.subscriptionId}/resourceGroups/${rg}/providers/${provider}${tail}`,
    async poll(url) {
      const deadline = Date.now() + 5_000;
      for (;;) {
        const { body } = await raw('GET', url);
        if (body['status'] !== 'InProgress') return body;
        if (Date.now() > deadline) throw new Error('the operation has not ended in 5 seconds');
        await new Promise((resolve) => {
          setTimeout(resolve, 10);
        });
      }
    },
    stop: () => azure.stop(),
  };
}
