import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createArmRoutes } from './arm/arm-routes.ts';
import { createArmService } from './arm/arm-service.ts';
import type { ArmSettings, ArmState, RegionInfo } from './arm/arm-state.ts';
import { createComputeInventory } from './arm/compute-inventory.ts';
import { createLongRunningOperations } from './arm/long-running-operations.ts';
import { createResourceStore } from './arm/resource-store.ts';
import { placeStorageAccount } from './arm/storage-account-routes.ts';
import { registerControlRoutes } from './control/control-routes.ts';
import { createControlServer } from './control/control-server.ts';
import { ensureGroup } from './control/scenario-network.ts';
import { registerEvidenceRoutes } from './evidence/evidence-routes.ts';
import { createCertificate } from './front/certificate.ts';
import { createFaultList } from './front/faults.ts';
import { createFrontFactory } from './front/front-factory.ts';
import { createRegionSwitch } from './front/region-switch.ts';
import { createRequestLog } from './front/request-log.ts';
import { createSecretLedger } from './front/secret-ledger.ts';
import { createGuestAgent } from './guest/create-guest-agent.ts';
import { registerGuestRoutes } from './guest/guest-routes.ts';
import { createAccessTokens, type Identity, storageAudiences } from './identity/access-tokens.ts';
import { createIdentities } from './identity/create-identities.ts';
import { createIdentityEndpoint } from './identity/identity-endpoint.ts';
import { type AccountConfig, defaultRegions, type LocalAzureConfig } from './local-azure-config.ts';
import { createNoStorage } from './no-storage.ts';
import { createPageStore } from './pages/page-store.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createDiskExports } from './storage/disk-exports.ts';
import type { StorageAccount } from './storage/storage-account.ts';
import { registerStorageRoutes } from './storage/storage-routes.ts';
import { createStorageService } from './storage/storage-service.ts';

/** One storage account as a client needs it. Endpoints are path-style, without a trailing slash. */
export type AccountInfo = StorageAccount;

/** What `main.ts` prints as its one line. */
export interface LocalAzureInfo {
  readonly ready: true;
  readonly control: string;
  readonly arm: string;
  readonly identityEndpoint: string;
  readonly identities: readonly Identity[];
  readonly caFile: string;
  readonly directory: string;
  readonly subscriptionId: string;
  readonly tenantId: string;
  readonly regions: readonly { readonly name: string; readonly paired: string | undefined }[];
  readonly accounts: readonly AccountInfo[];
}

export interface LocalAzure {
  readonly info: LocalAzureInfo;
  stop(): Promise<void>;
}

const displayNames: Readonly<Record<string, string>> = {
  westeurope: 'West Europe',
  northeurope: 'North Europe',
};

function regionInfos(config: LocalAzureConfig): readonly RegionInfo[] {
  return (config.regions ?? defaultRegions).map((region) => ({
    name: region.name,
    paired: region.paired,
    displayName: displayNames[region.name] ?? region.name,
  }));
}

function armSettings(config: LocalAzureConfig): ArmSettings {
  return {
    snapshotLatencyMs: config.snapshotLatencyMs ?? { min: 200, max: 5000 },
    operationLatencyMs: config.operationLatencyMs ?? { min: 50, max: 400 },
    vmLatencyMs: config.vmLatencyMs ?? { min: 300, max: 1500 },
    runCommandLatencyMs: config.runCommandLatencyMs ?? { min: 200, max: 1000 },
    agentTimeoutMs: config.agentTimeoutMs ?? 25 * 60_000,
    sendRetryAfter: config.sendRetryAfter ?? true,
    pageSize: config.pageSize ?? 50,
    maxIncrementalSnapshots: config.maxIncrementalSnapshots ?? 500,
    maxIncrementalSnapshotsPer5Min: config.maxIncrementalSnapshotsPer5Min ?? 7,
  };
}

/** The resource group that the storage accounts of the configuration lie in, one per region. */
function accountGroup(region: string): string {
  return `storage-${region}`;
}

/** One account per region, so that even an empty configuration can hold a replica. */
function defaultAccounts(regions: readonly string[]): readonly AccountConfig[] {
  return regions.map((region) => ({ name: `${region.slice(0, 16)}data`, region }));
}

const pageBlobLimits = { requestsPerSecond: 500, bytesPerSecond: 60 * 1024 ** 2 } as const;

/** Starts everything in this process; `main.ts` runs it as a program of its own. */
export async function startLocalAzure(config: LocalAzureConfig = {}): Promise<LocalAzure> {
  const isOwnDirectory = config.directory === undefined;
  const directory = config.directory ?? mkdtempSync(join(tmpdir(), 'local-azure-'));
  mkdirSync(directory, { recursive: true });
  const closers: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close();
    if (isOwnDirectory) rmSync(directory, { recursive: true, force: true });
  };
  try {
    const info = await startParts(config, directory, closers);
    return { info, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  config: LocalAzureConfig,
  directory: string,
  closers: (() => Promise<void> | void)[],
): Promise<LocalAzureInfo> {
  const seed = config.seed ?? 'local-azure';
  const random = createSeededRandom(seed);
  const secrets = createSecretLedger();
  const regions = regionInfos(config);
  const regionNames = regions.map((region) => region.name);
  const regionSwitch = createRegionSwitch(regionNames);
  const log = createRequestLog();
  const faults = createFaultList(random.fork('faults'));
  const reportError = (error: unknown, context: string) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`local-azure: ${context}: ${text}\n`);
  };
  const requestIds = random.fork('request-ids');
  const fronts = createFrontFactory({
    certificate: await createCertificate(directory),
    log,
    faults,
    regions: regionSwitch,
    newRequestId: () => requestIds.uuid(),
    reportError,
  });
  closers.push(() => fronts.closeAll());
  const subscriptionId = random.fork('subscription').uuid();
  const tenantId = random.fork('tenant').uuid();
  const identities = createIdentities(
    config.identities ?? ['protect', 'restore'],
    random.fork('identities'),
    secrets,
  );
  const lifetimeSeconds = config.tokenLifetimeSeconds;
  const tokens = createAccessTokens({
    tenantId,
    identities,
    random: random.fork('tokens'),
    secrets,
    ...(lifetimeSeconds === undefined ? {} : { lifetimeSeconds }),
  });
  const identityFront = await fronts.startPlain({
    service: 'identity',
    port: config.ports?.identity ?? 0,
    handle: createIdentityEndpoint(identities, tokens),
  });

  const exports = await createDiskExports({
    fronts,
    regions: regionNames,
    ledger: secrets,
    ...(config.ports?.disk === undefined ? {} : { ports: config.ports.disk }),
  });
  closers.push(() => exports.close());
  const accounts = config.accounts ?? defaultAccounts(regionNames);
  const storage =
    accounts.length === 0
      ? createNoStorage()
      : await createStorageService({
          fronts,
          regions: regionNames,
          accounts: accounts.map((account) => ({
            ...account,
            key: random.fork(`account/${account.name}`).bytes(64).toString('base64'),
          })),
          directory,
          ledger: secrets,
          checkBearer: (authorization) => tokens.check(authorization, storageAudiences),
          regionSwitch,
          disks: exports,
          ...(config.ports?.storage === undefined ? {} : { ports: config.ports.storage }),
          ...(config.limitPageBlobRate === true ? { limits: pageBlobLimits } : {}),
        });
  closers.push(() => storage.close());

  const compute = createComputeInventory(() => state);
  const guests = createGuestAgent({ compute, certificatePem: fronts.certificatePem, seed });
  closers.push(() => guests.close());
  let armOrigin = '';
  const state: ArmState = {
    subscriptionId,
    tenantId,
    origin: () => armOrigin,
    regions,
    regionSwitch,
    settings: armSettings(config),
    random: random.fork('arm'),
    secrets,
    resources: createResourceStore(),
    operations: createLongRunningOperations({
      origin: () => armOrigin,
      subscriptionId,
      random: random.fork('operations'),
      secrets,
      pollRetryAfterSeconds: config.pollRetryAfterSeconds,
      reportError,
    }),
    storage,
    exports,
    agent: guests,
    createStore: createPageStore,
    disks: new Map(),
    snapshots: new Map(),
    snapshotRecords: [],
    vms: new Map(),
    runCommands: new Map(),
    locks: new Set(),
    denials: [],
    offAnswer: '503',
  };
  closers.push(() => state.operations.close());
  for (const account of storage.accounts) {
    const resourceGroup = accountGroup(account.region);
    ensureGroup(state, resourceGroup, account.region);
    placeStorageAccount(state, { ...account, resourceGroup });
  }
  const arm = createArmService({
    state,
    routes: createArmRoutes(state),
    tokens,
    origin: () => armOrigin,
  });
  const armFront = await fronts.start({
    service: 'arm',
    port: config.ports?.arm ?? 0,
    describe: arm.describe,
    handle: arm.handle,
  });
  armOrigin = armFront.origin;

  const control = createControlServer();
  closers.push(() => control.close());
  registerControlRoutes(control.registerControlRoute, {
    ...{ state, storage, guests, log, faults, secrets, tokens, identities, directory, seed },
    info: () => info,
  });
  registerGuestRoutes(control.registerControlRoute, guests);
  registerStorageRoutes(control.registerControlRoute, storage);
  registerEvidenceRoutes(control.registerControlRoute, {
    guests,
    compute,
    pageImage: (account, container, blob, snapshot) =>
      storage.pageImage(account, container, blob, snapshot),
    issuedSecrets: () => secrets.list().map(({ value }) => value),
  });
  const info: LocalAzureInfo = {
    ready: true,
    control: await control.start(config.ports?.control ?? 0),
    arm: armOrigin,
    identityEndpoint: `${identityFront.origin}/msi/token`,
    identities,
    caFile: fronts.certificateFile,
    directory,
    subscriptionId,
    tenantId,
    regions: regions.map(({ name, paired }) => ({ name, paired })),
    accounts: storage.accounts,
  };
  return info;
}
