import { BackupError } from '../errors.ts';
import type { NetworkInventory } from '../ports/network-inventory.ts';
import { isInPrefixes } from './address-prefixes.ts';
import { isNotFound, toBackupError } from './arm-errors.ts';
import { regionNameOf } from './arm-resource-id.ts';
import type { AzureClients } from './azure-clients.ts';

const NETWORK_API_VERSION = '2024-05-01';

interface SubnetBody {
  readonly id?: string;
  readonly properties?: {
    readonly addressPrefix?: string;
    readonly addressPrefixes?: readonly string[];
  };
}

/** Networks through Azure Resource Manager. */
export const createArmNetworkInventory = (
  clients: Pick<AzureClients, 'resources'>,
): NetworkInventory => {
  const find = async (id: string, what: string) => {
    try {
      return await clients.resources.resources.getById(id, NETWORK_API_VERSION);
    } catch (error) {
      if (!(error instanceof BackupError) && isNotFound(error)) return undefined;
      throw toBackupError(error, `read the ${what}`, id);
    }
  };
  return {
    async findSubnet(subnetId) {
      const at = subnetId.toLowerCase().lastIndexOf('/subnets/');
      // The region is the network's; its body holds its subnets too, so one read tells both.
      const network = at < 0 ? undefined : await find(subnetId.slice(0, at), 'virtual network');
      const subnets = (network?.properties as { subnets?: readonly SubnetBody[] } | undefined)
        ?.subnets;
      const subnet = subnets?.find((one) => one.id?.toLowerCase() === subnetId.toLowerCase());
      if (network === undefined || subnet === undefined) return undefined;
      const { addressPrefix, addressPrefixes } = subnet.properties ?? {};
      const prefixes = addressPrefixes ?? (addressPrefix === undefined ? [] : [addressPrefix]);
      return {
        subnetId: subnet.id ?? subnetId,
        region: regionNameOf(network.location),
        addressPrefixes: prefixes,
        contains: (address) => isInPrefixes(prefixes, address),
      };
    },

    async findNetworkSecurityGroup(id) {
      const group = await find(id, 'network security group');
      return group === undefined ? undefined : { region: regionNameOf(group.location) };
    },
  };
};
