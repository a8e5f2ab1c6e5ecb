import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AzureNamedKeyCredential, TableClient } from '@azure/data-tables';
import { DEPLOYMENT } from '../world/app-settings.ts';
import { until } from '../world/lockstep-api.ts';
import { findUnowned, type Owned } from '../world/owned-things.ts';
import { blobService, type World } from '../world/start-world.ts';
import type { Narrator } from './narrator.ts';

/** Act 5: secrets in what was written, and things that nobody owns. */

export interface SecretFigures {
  readonly secretsSearched: number;
  readonly secretsFound: number;
  readonly plantedSecrets: number;
  readonly plantedSecretsFound: number;
}

/** Azurite writes its tables to disk every few seconds. */
const FLUSH_TIMEOUT_MS = 30_000;

/**
 * Searches everything that hosts and storage wrote to disk: orchestration histories, tables, blobs,
 * logs. First some secrets are planted, in several places and encodings; once all of them are found,
 * everything that was written before them is on disk too.
 */
export async function searchForSecrets(
  world: World,
  appDirectories: readonly string[],
  narrator: Narrator,
): Promise<SecretFigures> {
  const issued = (await world.azure.control.secrets()).map(({ value }) => value);
  const stored = join(world.directory, 'azure', 'azurite');
  const planted = await plantSecrets(world);
  const plantedSecretsFound = await narrator.during('planted secrets are found', () =>
    until(
      'the planted secrets are on disk',
      async () => {
        const { hits } = await world.evidence.searchSecrets({
          directories: [join(world.directory, 'planted'), stored],
          secrets: planted,
        });
        const found = new Set(hits.map(({ secret }) => secret)).size;
        return found === planted.length ? found : undefined;
      },
      FLUSH_TIMEOUT_MS,
    ),
  );
  await plantedBlob(world).delete();
  const search = await narrator.during('search for every issued signature, token and key', () =>
    world.evidence.searchSecrets({ directories: [...appDirectories, stored], secrets: issued }),
  );
  const secretsFound = search.hits.length;
  narrator.fact(
    `${search.secretsSearched} secrets looked for in ${search.filesSearched} files: ${secretsFound} found; ${plantedSecretsFound} of ${planted.length} planted ones found`,
  );
  for (const hit of search.hits.slice(0, 5)) {
    narrator.fact(`LEAK: secret ${hit.secret} (${hit.encoding}, ${hit.within}) in ${hit.file}`);
  }
  return {
    secretsSearched: search.secretsSearched,
    secretsFound,
    plantedSecrets: planted.length,
    plantedSecretsFound,
  };
}

const plantedBlob = (world: World) =>
  blobService(world.azure, DEPLOYMENT.replicaAccount)
    .getContainerClient(DEPLOYMENT.replicaContainer)
    .getBlockBlobClient('planted-secret');

/** Raw in a log, URL-encoded in a history, base64 in a blob, raw in a table row. */
async function plantSecrets(world: World): Promise<readonly string[]> {
  const values = await Promise.all(
    Array.from({ length: 4 }, async () => (await world.azure.control.plantSecret()).value),
  );
  const [inLog = '', inHistory = '', inBlob = '', inTable = ''] = values;
  const plants = join(world.directory, 'planted');
  mkdirSync(plants);
  writeFileSync(join(plants, 'host.log'), `{"message":"GET https://x/y?sig=${inLog}&sv=1"}\n`);
  writeFileSync(join(plants, 'history.json'), `{"url":"?sig=${encodeURIComponent(inHistory)}"}`);
  const text = Buffer.from(`{"sig":"${inBlob}"}`).toString('base64');
  await plantedBlob(world).upload(text, text.length);
  const account = world.azure.info.accounts.find(({ name }) => name === DEPLOYMENT.pairedAccount);
  if (!account) throw new Error(`no account ${DEPLOYMENT.pairedAccount}`);
  const table = new TableClient(
    account.tableEndpoint,
    'PlantedSecrets',
    new AzureNamedKeyCredential(account.name, account.key),
  );
  await table.createTable();
  await table.createEntity({ partitionKey: 'p', rowKey: 'r', url: `https://x/y?sig=${inTable}` });
  return values;
}

export interface LeftoverFigures {
  readonly leftovers: number;
  readonly plantedLeftovers: number;
  readonly plantedLeftoversFound: number;
}

export async function findLeftovers(
  world: World,
  baseline: string,
  owned: Owned,
  plantIn: { readonly snapshotId: string; readonly diskId: string },
  narrator: Narrator,
): Promise<LeftoverFigures> {
  const left = await findUnowned(world, baseline, owned);
  const known = new Set(left.map(({ key }) => key));
  await world.azure.control.plantSnapshot({ diskId: plantIn.diskId, name: 'planted-snapshot' });
  await world.azure.control.plantGrant(plantIn.snapshotId);
  const after = await findUnowned(world, baseline, owned);
  const plantedFound = after.filter(({ key }) => !known.has(key)).length;
  narrator.fact(`${left.length} things left behind; ${plantedFound} of 2 planted ones found`);
  for (const item of left.slice(0, 8)) narrator.fact(`LEFT: ${item.kind} ${item.name}`);
  return { leftovers: left.length, plantedLeftovers: 2, plantedLeftoversFound: plantedFound };
}
