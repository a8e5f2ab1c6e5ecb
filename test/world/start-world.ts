/**
 * A local Azure with two regions, and the packaged app in as many hosts as a test wants: what demo,
 * end-to-end tests, benchmarks and `npm start` share. Imports nothing of the product.
 */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { unpackPackage } from '../../scripts/unpack.ts';
import {
  createEvidenceClient,
  type EvidenceClient,
} from '../local-azure/evidence/evidence-client.ts';
import { createGuestClient, type GuestClient } from '../local-azure/guest/guest-client.ts';
import type { LocalAzureConfig } from '../local-azure/local-azure-config.ts';
import { type SpawnedLocalAzure, spawnLocalAzure } from '../local-azure/spawn-local-azure.ts';
import { type SpawnedHost, spawnLocalHost } from '../local-host/spawn-local-host.ts';
import { ACCOUNTS, appSettings, DEPLOYMENT } from './app-settings.ts';
import { createLockstepApi, type LockstepApi } from './lockstep-api.ts';

/** The app in one region: its host, its state, its logs. */
export interface App extends LockstepApi {
  readonly name: string;
  readonly host: SpawnedHost;
  /** Holds the host's state and log; nothing else of the app is on disk. */
  readonly directory: string;
  readonly logFile: string;
  /** SIGKILL, and then the same app on the same state again. */
  restart(): Promise<App>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface AppOptions {
  /** Of its folder, and of its hub: no two apps share a task hub. */
  readonly name: string;
  /** The value of LOCKSTEP_ROLES. */
  readonly roles: string;
  /** Name of a managed identity of the local Azure. */
  readonly identity: string;
  readonly overrides?: Readonly<Record<string, string>>;
}

export interface World {
  readonly azure: SpawnedLocalAzure;
  readonly guests: GuestClient;
  readonly evidence: EvidenceClient;
  /** Everything that the run writes: app folders, states, logs, Azurite's data. */
  readonly directory: string;
  /** An app of the first region; all such apps share the catalog, and nothing else. */
  startApp(options: AppOptions): Promise<App>;
  /** The first region: all roles in one host. */
  startSourceApp(overrides?: Readonly<Record<string, string>>): Promise<App>;
  /** The paired region: `restore` only, on storage of its own. */
  startRestoreApp(overrides?: Readonly<Record<string, string>>): Promise<App>;
  /** Kills the app and takes its state away, as when its region is gone; answers where it went. */
  loseApp(app: App): Promise<string>;
  stop(): Promise<void>;
}

/** What infra would make before the app runs: containers and target networks. */
async function prepareDeployment(azure: SpawnedLocalAzure): Promise<Record<string, string>> {
  const containers: readonly [string, string][] = [
    [DEPLOYMENT.replicaAccount, DEPLOYMENT.replicaContainer],
    [DEPLOYMENT.replicaAccount, 'lockstep-scratch'],
    [DEPLOYMENT.homeAccount, 'guest-sessions'],
  ];
  for (const [account, container] of containers) {
    await blobService(azure, account).getContainerClient(container).create();
  }
  const subnets: Record<string, string> = {};
  for (const [resourceGroup, region] of [
    [DEPLOYMENT.localRestoreGroup, DEPLOYMENT.sourceRegion],
    [DEPLOYMENT.restoreGroup, DEPLOYMENT.pairedRegion],
    [DEPLOYMENT.snapshotGroup, DEPLOYMENT.sourceRegion],
  ] as const) {
    const { subnetId } = await azure.control.createNetwork({
      name: resourceGroup,
      resourceGroup,
      region,
    });
    subnets[resourceGroup] = subnetId;
  }
  return subnets;
}

/** A client with the account's key, as any storage tool would sign in. */
export function blobService(azure: SpawnedLocalAzure, account: string): BlobServiceClient {
  const found = azure.info.accounts.find(({ name }) => name === account);
  if (!found) throw new Error(`the local Azure has no account ${account}`);
  return new BlobServiceClient(
    found.blobEndpoint,
    new StorageSharedKeyCredential(found.name, found.key),
  );
}

export async function startWorld(config: LocalAzureConfig = {}): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-world-'));
  const azureDirectory = join(directory, 'azure');
  mkdirSync(azureDirectory);
  const azure = await spawnLocalAzure({
    accounts: ACCOUNTS,
    identities: ['source', 'restore'],
    directory: azureDirectory,
    ...config,
  });
  const apps = new Set<SpawnedHost>();
  try {
    // The clients of this process trust the run's own certificate, as the hosts do.
    trustCertificate(azure.info.caFile);
    const subnets = await prepareDeployment(azure);
    const appFolder = unpackPackage(join(directory, 'app'));
    let started = 0;

    const startNamed = async (name: string, settings: Record<string, string>): Promise<App> => {
      started += 1;
      const appDirectory = join(directory, `${name}-${started}`);
      mkdirSync(appDirectory);
      return boot(name, appDirectory, settings);
    };
    const boot = async (
      name: string,
      appDirectory: string,
      settings: Record<string, string>,
    ): Promise<App> => {
      const logFile = join(appDirectory, 'host.log');
      const host = await spawnLocalHost({
        appDir: appFolder,
        stateFile: join(appDirectory, 'host.sqlite'),
        logFile,
        env: { ...settings, NODE_OPTIONS: '--no-warnings' },
      });
      apps.add(host);
      const stop = async (signal?: NodeJS.Signals): Promise<void> => {
        apps.delete(host);
        await host.kill(signal);
      };
      return {
        ...createLockstepApi(host.url, host.functionKey),
        name,
        host,
        directory: appDirectory,
        logFile,
        async restart() {
          await stop('SIGKILL');
          return boot(name, appDirectory, settings);
        },
        stop,
      };
    };

    const startApp = ({ name, roles, identity, overrides = {} }: AppOptions): Promise<App> =>
      startNamed(
        name,
        appSettings(azure.info, {
          roles,
          region: DEPLOYMENT.sourceRegion,
          account: DEPLOYMENT.homeAccount,
          identity,
          hub: `Lockstep${name}`,
          restoreGroup: DEPLOYMENT.localRestoreGroup,
          restoreSubnetId: subnets[DEPLOYMENT.localRestoreGroup] ?? '',
          overrides,
        }),
      );

    return {
      azure,
      guests: createGuestClient(azure.info.control),
      evidence: createEvidenceClient(azure.info.control),
      directory,
      startApp,
      startSourceApp: (overrides = {}) =>
        startApp({
          name: 'source',
          roles: 'protect,move,expire,restore',
          identity: 'source',
          overrides,
        }),
      startRestoreApp: (overrides = {}) =>
        startNamed(
          'restore',
          appSettings(azure.info, {
            roles: 'restore',
            region: DEPLOYMENT.pairedRegion,
            account: DEPLOYMENT.pairedAccount,
            identity: 'restore',
            hub: 'LockstepRestore',
            restoreGroup: DEPLOYMENT.restoreGroup,
            restoreSubnetId: subnets[DEPLOYMENT.restoreGroup] ?? '',
            overrides,
          }),
        ),
      async loseApp(app) {
        await app.stop('SIGKILL');
        const away = `${app.directory}-lost`;
        renameSync(app.directory, away);
        return away;
      },
      async stop() {
        await Promise.all([...apps].map((host) => host.kill('SIGKILL')));
        await azure.stop();
        rmSync(directory, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await azure.stop();
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

function trustCertificate(file: string): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), readFileSync(file, 'utf8')]);
}
