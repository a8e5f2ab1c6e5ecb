/** Storage accounts of all regions: Azurite, our page blobs, the fronts before both. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type {
  Front,
  FrontFactory,
  PageImage,
  RegionSwitch,
  SecretLedger,
  StorageService,
} from '../contracts.ts';
import { writeServiceError } from '../front/error-body.ts';
import type { AuthorizationParts, BearerCheck } from './authorize.ts';
import { STORAGE_CHALLENGE } from './authorize.ts';
import type { AzuriteClient } from './azurite-client.ts';
import { createAzuriteClient } from './azurite-client.ts';
import type { AzuriteProcess, AzuriteServiceName } from './azurite-process.ts';
import { startAzurite } from './azurite-process.ts';
import type { AzuriteQueries } from './azurite-queries.ts';
import { createAzuriteQueries } from './azurite-queries.ts';
import { createBlobService } from './blob-service.ts';
import { createCopySources } from './copy-sources.ts';
import { describeRequest } from './describe-request.ts';
import type { LocalDiskExports } from './disk-exports.ts';
import { noteSecrets } from './noted-secrets.ts';
import type { PageBlobCounters } from './page-blob.ts';
import { createPageBlobs } from './page-blob.ts';
import type { PageBlobLimits } from './request-limits.ts';
import { createRequestLimiter } from './request-limits.ts';
import type { KeyedAccount, StorageAccount, StorageAccountOptions } from './storage-account.ts';
import { describeAccount, prepareAccounts } from './storage-account.ts';
import { createStorageEvidence } from './storage-evidence.ts';
import type { PageBlobReport } from './storage-routes.ts';
import { createUserDelegationKeys } from './user-delegation-keys.ts';

const SERVICES: readonly AzuriteServiceName[] = ['blob', 'queue', 'table'];

export interface StorageServiceOptions {
  readonly fronts: FrontFactory;
  readonly regions: readonly string[];
  readonly accounts: readonly StorageAccountOptions[];
  /** Azurite's files go to `<directory>/azurite/<region>`. */
  readonly directory: string;
  readonly ledger: SecretLedger;
  /** Judges a whole `Authorization: Bearer …` header for the audience of storage. */
  readonly checkBearer: BearerCheck;
  /** Sources of copies in a region that is off are not reached. */
  readonly regionSwitch?: RegionSwitch;
  /** Managed disks as sources of copies. */
  readonly disks?: LocalDiskExports;
  /** No limits by default. */
  readonly limits?: PageBlobLimits;
  /** How long a Copy Blob from another account or a disk stays pending; 1,000 by default. */
  readonly remoteCopyMs?: number;
  /** Fixed ports by region and service; free ones otherwise. */
  readonly ports?: Readonly<Record<string, Partial<Record<AzuriteServiceName, number>>>>;
}

export interface LocalStorageService extends StorageService {
  readonly accounts: readonly StorageAccount[];
  /** Changes one byte of a page blob, or of a snapshot by its time, without any trace. */
  damageByte(
    account: string,
    container: string,
    blob: string,
    snapshot: string | undefined,
    offset: number,
  ): void;
  /** The content of a page blob or snapshot, for evidence. Throws a RangeError when there is none. */
  pageImage(account: string, container: string, blob: string, snapshot?: string): PageImage;
  counters(account: string, container: string, blob: string): Readonly<PageBlobCounters>;
  /** Every page blob of every account. */
  pageBlobs(): readonly PageBlobReport[];
}

interface Region {
  readonly name: string;
  readonly azurite: AzuriteProcess;
  readonly clients: Readonly<Record<AzuriteServiceName, AzuriteClient>>;
  readonly queries: AzuriteQueries;
}

/** Starts one Azurite and three fronts per region. */
export async function createStorageService(
  options: StorageServiceOptions,
): Promise<LocalStorageService> {
  const keyed = prepareAccounts(options.accounts, options.regions);
  const byName = new Map(keyed.map((account) => [account.name, account]));
  for (const { key } of keyed) {
    options.ledger.issued('account-key', key);
  }
  const keyOf = (name: string) => byName.get(name)?.key;
  const started = await Promise.allSettled(
    options.regions.map((name) => startRegion(name, keyed, options, keyOf)),
  );
  const regions = new Map<string, Region>();
  const fronts: Front[] = [];
  for (const result of started) {
    if (result.status === 'fulfilled') {
      regions.set(result.value.name, result.value);
    }
  }

  async function close(): Promise<void> {
    await Promise.all(fronts.map((front) => front.close()));
    for (const { clients } of regions.values()) {
      for (const client of Object.values(clients)) {
        client.close();
      }
    }
    await Promise.all([...regions.values()].map(({ azurite }) => azurite.stop()));
  }

  const failed = started.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }

  function queriesOf(account: string): AzuriteQueries {
    const region = regions.get(byName.get(account)?.region ?? '');
    if (region === undefined) {
      throw new RangeError(`no storage account ${account}`);
    }
    return region.queries;
  }

  const blobs = createPageBlobs();
  const delegationKeys = createUserDelegationKeys();
  const authorization: AuthorizationParts = {
    accountKey: keyOf,
    delegationKeys,
    checkBearer: options.checkBearer,
    findPolicy: (account, container, identifier) =>
      queriesOf(account).findPolicy(account, container, identifier),
  };
  const origins = new Map<string, Record<AzuriteServiceName, string>>();
  const copySources = createCopySources({
    blobs,
    authorization,
    disks: options.disks,
    regionSwitch: options.regionSwitch,
    certificatePem: options.fronts.certificatePem,
    blobRegionOf: (origin) => [...origins].find(([, urls]) => urls.blob === origin)?.[0],
  });
  const limiter = createRequestLimiter(options.limits);

  for (const region of regions.values()) {
    const answerBlob = createBlobService({
      blobs,
      authorization,
      copySources,
      limiter,
      remoteCopyMs: options.remoteCopyMs ?? 1000,
      delegationKeys,
      azurite: region.clients.blob,
      queries: region.queries,
      ledger: options.ledger,
      hasAccount: (name) => byName.get(name)?.region === region.name,
      lookElsewhere: region.queries.lookElsewhere,
    });
    const urls = { blob: '', queue: '', table: '' };
    for (const service of SERVICES) {
      const port = options.ports?.[region.name]?.[service];
      const front = await options.fronts.start({
        service,
        region: region.name,
        ...(port === undefined ? {} : { port }),
        describe: (request) => describeRequest(service, request),
        handle: (request, response) => {
          noteSecrets(request, options.ledger);
          if (refuseForeignToken(service, request, response, options.checkBearer)) {
            return;
          }
          return service === 'blob'
            ? answerBlob(request, response)
            : region.clients[service].forward(request, response);
        },
      });
      fronts.push(front);
      urls[service] = front.origin;
    }
    origins.set(region.name, urls);
  }

  const accounts = keyed.map((account) =>
    describeAccount(account, origins.get(account.region) ?? { blob: '', table: '', queue: '' }),
  );
  return {
    accounts,
    accountRegion: (name) => byName.get(name)?.region,
    ...createStorageEvidence({ accounts, blobs, queriesOf }),
    close,
  };
}

/** Azurite believes any token of the right form; only those that were issued here get that far. */
function refuseForeignToken(
  service: AzuriteServiceName,
  request: IncomingMessage,
  response: ServerResponse,
  checkBearer: BearerCheck,
): boolean {
  const { authorization } = request.headers;
  if (authorization?.toLowerCase().startsWith('bearer ') !== true) {
    return false;
  }
  const check = checkBearer(authorization);
  if (!check.ok) {
    request.resume();
    writeServiceError(service, request, response, {
      status: 401,
      code: 'InvalidAuthenticationInfo',
      message: check.message,
      headers: { 'www-authenticate': STORAGE_CHALLENGE },
    });
  }
  return !check.ok;
}

async function startRegion(
  name: string,
  accounts: readonly KeyedAccount[],
  options: StorageServiceOptions,
  keyOf: (account: string) => string | undefined,
): Promise<Region> {
  const azurite = await startAzurite({
    accounts: accounts.filter((account) => account.region === name),
    directory: join(options.directory, 'azurite', name),
    certificateFile: options.fronts.certificateFile,
    keyFile: options.fronts.keyFile,
    onUnexpectedEnd: (code, output) => {
      process.stderr.write(`local-azure: Azurite of ${name} ended with ${code}: ${output}\n`);
    },
  });
  const { certificatePem } = options.fronts;
  const clientOf = (service: AzuriteServiceName) =>
    createAzuriteClient({ port: azurite.ports[service], certificatePem }, keyOf);
  const clients = { blob: clientOf('blob'), queue: clientOf('queue'), table: clientOf('table') };
  return { name, azurite, clients, queries: createAzuriteQueries(clients.blob) };
}
