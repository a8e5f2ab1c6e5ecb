import { BackupError } from '../errors.ts';
import type { RegionInventory } from '../ports/region-inventory.ts';
import { coerceAzureError, isNotFound, toBackupError } from './arm-errors.ts';
import { regionNameOf } from './arm-resource-id.ts';
import type { AzureClients } from './azure-clients.ts';

const STORAGE_API_VERSION = '2024-01-01';

/** Regions, groups and accounts through Azure Resource Manager. */
export const createArmRegionInventory = (
  clients: Pick<AzureClients, 'compute' | 'resources' | 'subscriptions' | 'subscriptionId'>,
): RegionInventory => ({
  resourceGroupId: (name) => `/subscriptions/${clients.subscriptionId}/resourceGroups/${name}`,

  async hasResourceGroup(name) {
    try {
      await clients.resources.resourceGroups.get(name);
      return true;
    } catch (error) {
      if (!(error instanceof BackupError) && isNotFound(error)) return false;
      throw toBackupError(error, `read the resource group ${name}`, name);
    }
  },

  async findStorageAccount(id) {
    try {
      const account = await clients.resources.resources.getById(id, STORAGE_API_VERSION);
      return { region: regionNameOf(account.location) };
    } catch (error) {
      if (!(error instanceof BackupError) && isNotFound(error)) return undefined;
      throw toBackupError(error, 'read the storage account', id);
    }
  },

  async listZones(region) {
    try {
      const locations = clients.subscriptions.subscriptions.listLocations(clients.subscriptionId);
      for await (const location of locations) {
        if (regionNameOf(location.name) !== region) continue;
        return (location.availabilityZoneMappings ?? []).flatMap((zone) => zone.logicalZone ?? []);
      }
      return undefined;
    } catch (error) {
      throw toBackupError(error, 'list the locations of the subscription', region);
    }
  },

  async isSizeOffered(region, size) {
    let isListed = false;
    try {
      const skus = clients.compute.resourceSkus.list({ filter: `location eq '${region}'` });
      for await (const sku of skus) {
        if (sku.resourceType !== 'virtualMachines') continue;
        isListed = true;
        if (sku.name?.toLowerCase() !== size.toLowerCase()) continue;
        return !(sku.restrictions ?? []).some((restriction) => restriction.type === 'Location');
      }
      return isListed ? false : undefined;
    } catch (error) {
      if (error instanceof BackupError) throw error;
      // Without the right to read SKUs the VM itself will tell.
      const { kind } = coerceAzureError(error);
      if (kind === 'refused' || kind === 'notFound') return undefined;
      throw toBackupError(error, 'list the VM sizes', region);
    }
  },
});
