/** Starts the storage services for a test, with real fronts, tokens and a trusted certificate. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { TokenCredential } from '@azure/core-auth';
import { createCertificate } from '../front/certificate.ts';
import { createFaultList } from '../front/faults.ts';
import { createFrontFactory } from '../front/front-factory.ts';
import type { SettableRegionSwitch } from '../front/region-switch.ts';
import { createRegionSwitch } from '../front/region-switch.ts';
import type { RequestLog } from '../front/request-log.ts';
import { createRequestLog } from '../front/request-log.ts';
import type { ReadableSecretLedger } from '../front/secret-ledger.ts';
import { createSecretLedger } from '../front/secret-ledger.ts';
import { createAccessTokens, storageAudiences } from '../identity/access-tokens.ts';
import { createIdentities } from '../identity/create-identities.ts';
import { createSeededRandom } from '../seeded-random.ts';
import type { LocalDiskExports } from './disk-exports.ts';
import { createDiskExports } from './disk-exports.ts';
import type { StorageAccount } from './storage-account.ts';
import type { LocalStorageService, StorageServiceOptions } from './storage-service.ts';
import { createStorageService } from './storage-service.ts';

export const WEST = 'westeurope';
export const NORTH = 'northeurope';

export interface DiskFixture {
  readonly disks: LocalDiskExports;
  readonly ledger: ReadableSecretLedger;
  readonly regionSwitch: SettableRegionSwitch;
  readonly log: RequestLog;
  readonly certificatePem: string;
  /** Errors that handlers threw. */
  readonly failures: unknown[];
  stop(): Promise<void>;
}

export interface StorageFixture extends DiskFixture {
  readonly storage: LocalStorageService;
  /** The first account of the first region. */
  readonly account: StorageAccount;
  readonly credential: TokenCredential;
  /** A token for another audience. */
  readonly wrongCredential: TokenCredential;
}

async function startParts() {
  const directory = mkdtempSync(join(tmpdir(), 'storage-fixture-'));
  const ledger = createSecretLedger();
  const regionSwitch = createRegionSwitch([WEST, NORTH]);
  const log = createRequestLog();
  const failures: unknown[] = [];
  const random = createSeededRandom('storage-fixture');
  const certificate = await createCertificate(directory);
  const fronts = createFrontFactory({
    certificate,
    log,
    faults: createFaultList(random.fork('faults')),
    regions: regionSwitch,
    newRequestId: () => random.uuid(),
    reportError: (error) => failures.push(error),
  });
  setDefaultCACertificates([...getCACertificates('default'), certificate.certificatePem]);
  const disks = await createDiskExports({ fronts, regions: [WEST, NORTH], ledger });
  const { certificatePem } = certificate;
  return { directory, ledger, regionSwitch, log, failures, random, fronts, disks, certificatePem };
}

export async function startDisks(): Promise<DiskFixture> {
  const parts = await startParts();
  return {
    ...parts,
    async stop() {
      await parts.disks.close();
      await parts.fronts.closeAll();
      rmSync(parts.directory, { recursive: true, force: true });
    },
  };
}

/** One account `west0` in the first region; `north0` in the second where `regions` has it. */
export async function startStorage(
  options: { readonly regions?: readonly string[] } & Pick<
    StorageServiceOptions,
    'limits' | 'remoteCopyMs'
  > = {},
): Promise<StorageFixture> {
  const parts = await startParts();
  const { random, ledger, fronts, regionSwitch, disks, directory } = parts;
  const tenantId = random.uuid();
  const identities = createIdentities(['tester'], random.fork('identities'), ledger);
  const tokens = createAccessTokens({ tenantId, identities, random, secrets: ledger });
  const regions = options.regions ?? [WEST];
  const storage = await createStorageService({
    fronts,
    regions,
    accounts: regions.map((region) => ({ name: region === WEST ? 'west0' : 'north0', region })),
    directory,
    ledger,
    regionSwitch,
    disks,
    checkBearer: (authorization) => tokens.check(authorization, storageAudiences),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.remoteCopyMs === undefined ? {} : { remoteCopyMs: options.remoteCopyMs }),
  });
  const [identity] = identities;
  const [account] = storage.accounts;
  if (identity === undefined || account === undefined) {
    throw new Error('no identity or account');
  }
  const credentialFor = (resource: string): TokenCredential => ({
    getToken: async () => {
      const { token, expiresOn } = tokens.issue(identity, resource);
      return { token, expiresOnTimestamp: expiresOn * 1000 };
    },
  });
  return {
    ...parts,
    storage,
    account,
    credential: credentialFor('https://storage.azure.com'),
    wrongCredential: credentialFor('https://management.azure.com'),
    async stop() {
      await storage.close();
      await disks.close();
      await fronts.closeAll();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
