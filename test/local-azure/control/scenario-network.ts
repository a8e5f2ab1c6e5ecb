import type { ArmState } from '../arm/arm-state.ts';
import type { JsonObject } from '../arm/json.ts';
import { networkTypes, placeNetworkResource } from '../arm/network-routes.ts';
import { ControlError } from './control-server.ts';

/** Makes sure of a resource group, as `PUT` of a resource group does. */
export function ensureGroup(state: ArmState, name: string, region: string): void {
  if (!state.regions.some((known) => known.name === region)) {
    throw new ControlError(400, 'UnknownRegion', `region: ${region} is not a region of this run`);
  }
  if (state.resources.group(name) !== undefined) return;
  state.resources.putGroup({
    id: `/subscriptions/${state.subscriptionId}/resourceGroups/${name}`,
    name,
    region,
    tags: undefined,
  });
}

/** A network, subnet, security group and, if wanted, a public address of one region and group. */
export function ensureNetwork(
  state: ArmState,
  options: {
    readonly name: string;
    readonly resourceGroup: string;
    readonly region: string;
    readonly publicIp: boolean;
  },
): { subnetId: string; securityGroupId: string; publicIpId: string | undefined } {
  const { resourceGroup, region } = options;
  const place = (typeName: string, name: string, body: JsonObject): string => {
    const type = networkTypes.find((known) => known.type.endsWith(`/${typeName}`));
    if (type === undefined) throw new Error(`no network type ${typeName}`);
    const id = `/subscriptions/${state.subscriptionId}/resourceGroups/${resourceGroup}/providers/${type.type}/${name}`;
    if (state.resources.get(id) === undefined) {
      placeNetworkResource(state, type, { id, name, resourceGroup, region, body }, 'Succeeded');
    }
    return id;
  };
  const networkId = place('virtualNetworks', `${region}-vnet`, {
    properties: {
      addressSpace: { addressPrefixes: ['10.1.0.0/16'] },
      subnets: [{ name: 'default', properties: { addressPrefix: '10.1.0.0/24' } }],
    },
  });
  return {
    subnetId: `${networkId}/subnets/default`,
    securityGroupId: place('networkSecurityGroups', `${options.name}-nsg`, {
      properties: { securityRules: [] },
    }),
    publicIpId: options.publicIp
      ? place('publicIPAddresses', `${options.name}-ip`, {
          sku: { name: 'Standard', tier: 'Regional' },
          properties: { publicIPAllocationMethod: 'Static' },
        })
      : undefined,
  };
}
