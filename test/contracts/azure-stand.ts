import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { type AzureClients, createAzureClients } from '../../lib/azure/azure-clients.ts';
import { createAzureCredential } from '../../lib/azure/azure-credential.ts';
import { createGuestClient, type GuestClient } from '../local-azure/guest/guest-client.ts';
import type { LocalAzureConfig } from '../local-azure/local-azure-config.ts';
import { type SpawnedLocalAzure, spawnLocalAzure } from '../local-azure/spawn-local-azure.ts';

export const SNAPSHOT_GROUP = 'rg-lockstep-snapshots';

/** A local Azure, and the product's clients signed in to it as the identity `protect`. */
export interface AzureStand {
  readonly azure: SpawnedLocalAzure;
  readonly guests: GuestClient;
  readonly clients: AzureClients;
  readonly blobEndpoint: string;
  stop(): Promise<void>;
}

export async function startAzureStand(config: LocalAzureConfig = {}): Promise<AzureStand> {
  const azure = await spawnLocalAzure(config);
  const { info } = azure;
  const known = tls.getCACertificates('default');
  tls.setDefaultCACertificates([...known, readFileSync(info.caFile, 'utf8')]);
  const [identity] = info.identities;
  const [account] = info.accounts;
  if (identity === undefined || account === undefined) throw new Error('an empty local Azure');
  process.env['IDENTITY_ENDPOINT'] = info.identityEndpoint;
  process.env['IDENTITY_HEADER'] = identity.header;
  const clients = createAzureClients({
    credential: createAzureCredential({ hasManagedIdentity: true }),
    subscriptionId: info.subscriptionId,
    armEndpoint: info.arm,
  });
  await clients.resources.resourceGroups.createOrUpdate(SNAPSHOT_GROUP, { location: 'westeurope' });
  return {
    azure,
    guests: createGuestClient(info.control),
    clients,
    blobEndpoint: account.blobEndpoint,
    async stop() {
      await azure.stop();
      tls.setDefaultCACertificates(known);
    },
  };
}
