import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEPLOYMENT } from '../world/app-settings.ts';
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

/**
 * Searches everything that hosts and storage wrote to disk: orchestration histories, tables, blobs,
 * logs. The planted ones go to three places in three encodings.
 */
export async function searchForSecrets(
  world: World,
  appDirectories: readonly string[],
  narrator: Narrator,
): Promise<SecretFigures> {
  const directories = [...appDirectories, join(world.directory, 'azure', 'azurite')];
  const clean = await narrator.during('search for every issued signature, token and key', () =>
    world.evidence.searchSecrets({ directories, issued: true }),
  );
  const planted = await Promise.all(
    Array.from({ length: 3 }, () => world.azure.control.plantSecret()),
  );
  const [raw = '', encoded = '', base64 = ''] = planted.map(({ value }) => value);
  const plants = join(world.directory, 'planted');
  mkdirSync(plants);
  writeFileSync(join(plants, 'host.log'), `{"message":"GET https://x/y?sig=${raw}&sv=1"}\n`);
  writeFileSync(join(plants, 'history.json'), `{"url":"?sig=${encodeURIComponent(encoded)}"}`);
  // One goes all the way through a storage account, as a blob that the app might have written.
  const text = Buffer.from(`{"sig":"${base64}"}`).toString('base64');
  await blobService(world.azure, DEPLOYMENT.replicaAccount)
    .getContainerClient(DEPLOYMENT.replicaContainer)
    .getBlockBlobClient('planted-secret')
    .upload(text, text.length);
  const found = await world.evidence.searchSecrets({
    directories: [plants, join(world.directory, 'azure', 'azurite')],
    secrets: planted.map(({ value }) => value),
  });
  const secretsFound = clean.hits.length;
  const plantedSecretsFound = new Set(found.hits.map(({ secret }) => secret)).size;
  narrator.fact(
    `${clean.secretsSearched} secrets looked for in ${clean.filesSearched} files: ${secretsFound} found; ${plantedSecretsFound} of ${planted.length} planted ones found`,
  );
  for (const hit of clean.hits.slice(0, 5)) {
    narrator.fact(`LEAK: secret ${hit.secret} (${hit.encoding}, ${hit.within}) in ${hit.file}`);
  }
  return {
    secretsSearched: clean.secretsSearched,
    secretsFound,
    plantedSecrets: planted.length,
    plantedSecretsFound,
  };
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
  anySnapshotId: string,
  anyDiskId: string,
  narrator: Narrator,
): Promise<LeftoverFigures> {
  const left = await findUnowned(world, baseline, owned);
  const known = new Set(left.map(({ key }) => key));
  await world.azure.control.plantSnapshot({ diskId: anyDiskId, name: 'planted-snapshot' });
  await world.azure.control.plantGrant(anySnapshotId);
  const after = await findUnowned(world, baseline, owned);
  const plantedFound = after.filter(({ key }) => !known.has(key)).length;
  narrator.fact(`${left.length} things left behind; ${plantedFound} of 2 planted ones found`);
  for (const item of left.slice(0, 8)) narrator.fact(`LEFT: ${item.kind} ${item.name}`);
  return { leftovers: left.length, plantedLeftovers: 2, plantedLeftoversFound: plantedFound };
}
