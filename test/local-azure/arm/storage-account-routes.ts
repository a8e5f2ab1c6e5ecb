import type { ArmRoute } from './arm-router.ts';
import type { ArmState } from './arm-state.ts';
import { createReadRoutes } from './list-routes.ts';

export const storageAccountType = 'Microsoft.Storage/storageAccounts';

export interface PlacedAccount {
  readonly name: string;
  readonly region: string;
  readonly resourceGroup: string;
  readonly blobEndpoint: string;
  readonly tableEndpoint: string;
  readonly queueEndpoint: string;
}

/** Shows a storage account of the run as a resource. */
export function placeStorageAccount(state: ArmState, account: PlacedAccount): void {
  state.resources.put({
    id: `/subscriptions/${state.subscriptionId}/resourceGroups/${account.resourceGroup}/providers/${storageAccountType}/${account.name}`,
    name: account.name,
    type: storageAccountType,
    resourceGroup: account.resourceGroup,
    region: account.region,
    tags: {},
    envelope: { sku: { name: 'Standard_LRS', tier: 'Standard' }, kind: 'StorageV2' },
    properties: {
      accessTier: 'Hot',
      isHnsEnabled: false,
      supportsHttpsTrafficOnly: true,
      primaryLocation: account.region,
      statusOfPrimary: 'available',
      primaryEndpoints: {
        blob: `${account.blobEndpoint}/`,
        table: `${account.tableEndpoint}/`,
        queue: `${account.queueEndpoint}/`,
      },
      creationTime: new Date().toISOString(),
      provisioningState: 'Succeeded',
    },
  });
}

/** Microsoft.Storage/storageAccounts, to be read: accounts come from the configuration. */
export function createStorageAccountRoutes(state: ArmState): readonly ArmRoute[] {
  return createReadRoutes(state, {
    type: storageAccountType,
    family: 'storage',
    group: 'storageAccounts',
    listByGroup: 'listByResourceGroup',
    listAll: 'list',
  });
}
