import type { LocalAzureInfo } from '../local-azure/local-azure.ts';

/** Names that a test deployment uses; the local Azure makes the groups and networks of these names. */
export const DEPLOYMENT = {
  id: 'demo',
  sourceRegion: 'westeurope',
  pairedRegion: 'northeurope',
  /** Catalog and guest sessions, in the source region. */
  homeAccount: 'lockstephome',
  /** Catalog of the restore app in the paired region. */
  pairedAccount: 'lockstepdr',
  /** Replicas, in the paired region. */
  replicaAccount: 'lockstepreplica',
  replicaContainer: 'replicas',
  snapshotGroup: 'lockstep-snapshots',
  sourceGroup: 'shop',
  restoreGroup: 'shop-restored',
  localRestoreGroup: 'shop-restored-here',
  target: 'paired',
} as const;

export const ACCOUNTS = [
  { name: DEPLOYMENT.homeAccount, region: DEPLOYMENT.sourceRegion },
  { name: DEPLOYMENT.pairedAccount, region: DEPLOYMENT.pairedRegion },
  { name: DEPLOYMENT.replicaAccount, region: DEPLOYMENT.pairedRegion },
] as const;

const endpoint = (info: LocalAzureInfo, account: string) => {
  const found = info.accounts.find(({ name }) => name === account);
  if (!found) throw new Error(`the local Azure has no account ${account}`);
  return found;
};

export const storageAccountId = (info: LocalAzureInfo, account: string): string =>
  `/subscriptions/${info.subscriptionId}/resourceGroups/storage-${endpoint(info, account).region}/providers/Microsoft.Storage/storageAccounts/${account}`;

export interface AppSettingsOptions {
  readonly roles: string;
  readonly region: string;
  /** Account with the catalog and, in the source region, the guest sessions. */
  readonly account: string;
  /** Name of the managed identity. */
  readonly identity: string;
  readonly hub: string;
  readonly restoreGroup: string;
  readonly restoreSubnetId: string;
  /** Further settings, or other values of those here. */
  readonly overrides?: Readonly<Record<string, string>>;
}

/** What a deployment would write into the app's settings, and what the platform adds. */
export function appSettings(
  info: LocalAzureInfo,
  options: AppSettingsOptions,
): Record<string, string> {
  const identity = info.identities.find(({ name }) => name === options.identity);
  if (!identity) throw new Error(`the local Azure has no identity ${options.identity}`);
  const home = endpoint(info, options.account);
  const replica = endpoint(info, DEPLOYMENT.replicaAccount);
  return {
    // The platform's own.
    IDENTITY_ENDPOINT: info.identityEndpoint,
    IDENTITY_HEADER: identity.header,
    NODE_EXTRA_CA_CERTS: info.caFile,
    // The deployment's.
    LOCKSTEP_HUB: options.hub,
    LOCKSTEP_ROLES: options.roles,
    LOCKSTEP_SUBSCRIPTION_ID: info.subscriptionId,
    LOCKSTEP_DEPLOYMENT_ID: DEPLOYMENT.id,
    LOCKSTEP_ARM_ENDPOINT: info.arm,
    LOCKSTEP_HOME_REGION: options.region,
    LOCKSTEP_SNAPSHOT_RESOURCE_GROUP: DEPLOYMENT.snapshotGroup,
    LOCKSTEP_CATALOG_TABLE_ENDPOINT: home.tableEndpoint,
    LOCKSTEP_SESSION_BLOB_ENDPOINT: home.blobEndpoint,
    LOCKSTEP_REPLICA_TARGETS: JSON.stringify([
      {
        name: DEPLOYMENT.target,
        region: DEPLOYMENT.pairedRegion,
        blobEndpoint: replica.blobEndpoint,
        container: DEPLOYMENT.replicaContainer,
        storageAccountId: storageAccountId(info, DEPLOYMENT.replicaAccount),
      },
    ]),
    LOCKSTEP_RESTORE_RESOURCE_GROUP: options.restoreGroup,
    LOCKSTEP_RESTORE_SUBNET_ID: options.restoreSubnetId,
    LOCKSTEP_COPY_MOVER: 'verified',
    LOCKSTEP_MOVE_SCHEDULE: '*/2 * * * * *',
    LOCKSTEP_EXPIRE_SCHEDULE: '*/3 * * * * *',
    LOCKSTEP_REBUILD_SCHEDULE: '*/10 * * * * *',
    ...options.overrides,
  };
}
