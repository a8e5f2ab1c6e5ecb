import { ArmError, requiredParameter } from './arm-error.ts';
import type { ArmState } from './arm-state.ts';
import { arrayAt, type Json, type JsonObject, objectAt, stringAt } from './json.ts';
import { idKey } from './resource-id.ts';
import type { ArmResource } from './resource-store.ts';
import { invalidReference } from './vm-network-profile.ts';

/** What a network resource's properties become when it is put. */
export type CompleteProperties = (
  state: ArmState,
  resource: { readonly id: string; readonly region: string },
  given: JsonObject,
  existing: ArmResource | undefined,
) => JsonObject;

function requireReference(
  state: ArmState,
  value: Json,
  from: { readonly id: string; readonly region: string },
): ArmResource | undefined {
  const id = stringAt(value, 'id');
  if (id === undefined) return undefined;
  const found = state.resources.get(id);
  if (found === undefined || found.region !== from.region) throw invalidReference(id, from.id);
  return found;
}

/** The subnet's resource; subnets live inside their virtual network. */
function requireSubnet(
  state: ArmState,
  id: string,
  from: { readonly id: string; readonly region: string },
): JsonObject {
  const at = id.toLowerCase().lastIndexOf('/subnets/');
  const network = at < 0 ? undefined : state.resources.get(id.slice(0, at));
  const subnet = arrayAt(network?.properties, 'subnets').find(
    (known) => idKey(stringAt(known, 'id') ?? '') === idKey(id),
  );
  if (network === undefined || subnet === undefined || network.region !== from.region) {
    throw invalidReference(id, from.id);
  }
  return objectAt(subnet);
}

function firstFreeAddress(state: ArmState, subnet: JsonObject, self: string): string {
  const prefix = stringAt(subnet, 'properties', 'addressPrefix') ?? '10.0.0.0/24';
  const octets = (prefix.split('/')[0] ?? '10.0.0.0').split('.').slice(0, 3).join('.');
  const taken = new Set<string>();
  for (const nic of state.resources.list('Microsoft.Network/networkInterfaces')) {
    if (idKey(nic.id) === idKey(self)) continue;
    for (const configuration of arrayAt(nic.properties, 'ipConfigurations')) {
      const isSame =
        idKey(stringAt(configuration, 'properties', 'subnet', 'id') ?? '') ===
        idKey(String(subnet['id']));
      if (isSame) taken.add(stringAt(configuration, 'properties', 'privateIPAddress') ?? '');
    }
  }
  // Azure keeps the first three addresses of a subnet for itself.
  for (let last = 4; last < 255; last += 1) {
    if (!taken.has(`${octets}.${last}`)) return `${octets}.${last}`;
  }
  throw new ArmError(
    400,
    'SubnetIsFull',
    `Subnet ${String(subnet['name'])} does not have enough capacity for 1 IP addresses.`,
  );
}

function refuseTakenAddress(
  state: ArmState,
  subnetId: string,
  address: string,
  self: string,
): void {
  for (const nic of state.resources.list('Microsoft.Network/networkInterfaces')) {
    if (idKey(nic.id) === idKey(self)) continue;
    const holder = arrayAt(nic.properties, 'ipConfigurations').find(
      (configuration) =>
        stringAt(configuration, 'properties', 'privateIPAddress') === address &&
        idKey(stringAt(configuration, 'properties', 'subnet', 'id') ?? '') === idKey(subnetId),
    );
    if (holder !== undefined) {
      throw new ArmError(
        400,
        'PrivateIPAddressInUse',
        `Private static IP address ${address} is already in use by the resource ${stringAt(holder, 'id') ?? nic.id}.`,
      );
    }
  }
}

export const completeNic: CompleteProperties = (state, nic, given, existing) => {
  const configurations = arrayAt(given, 'ipConfigurations');
  if (configurations.length === 0) throw requiredParameter('ipConfigurations');
  requireReference(state, given['networkSecurityGroup'], nic);
  const hasPrimary = configurations.some(
    (configuration) => objectAt(configuration, 'properties')['primary'] === true,
  );
  const known = arrayAt(existing?.properties, 'ipConfigurations');
  const ipConfigurations = configurations.map((configuration, index) => {
    const name = stringAt(configuration, 'name');
    if (name === undefined) throw requiredParameter('ipConfigurations.name');
    const properties = objectAt(configuration, 'properties');
    const subnetId = stringAt(properties, 'subnet', 'id');
    if (subnetId === undefined) throw requiredParameter('ipConfigurations.subnet');
    const subnet = requireSubnet(state, subnetId, nic);
    requireReference(state, properties['publicIPAddress'], nic);
    const method = stringAt(properties, 'privateIPAllocationMethod') ?? 'Dynamic';
    const asked = stringAt(properties, 'privateIPAddress');
    if (method === 'Static') {
      if (asked === undefined) throw requiredParameter('ipConfigurations.privateIPAddress');
      refuseTakenAddress(state, subnetId, asked, nic.id);
    }
    const before = known.find((old) => stringAt(old, 'name') === name);
    const kept = stringAt(before, 'properties', 'privateIPAddress');
    const address =
      method === 'Static' && asked !== undefined
        ? asked
        : (kept ?? firstFreeAddress(state, subnet, nic.id));
    return {
      name,
      id: `${nic.id}/ipConfigurations/${name}`,
      type: 'Microsoft.Network/networkInterfaces/ipConfigurations',
      properties: {
        ...properties,
        provisioningState: 'Succeeded',
        privateIPAddress: address,
        privateIPAllocationMethod: method,
        privateIPAddressVersion: properties['privateIPAddressVersion'] ?? 'IPv4',
        primary: hasPrimary ? properties['primary'] === true : index === 0,
      },
    };
  });
  const owner = existing?.properties['virtualMachine'];
  return {
    ...given,
    ipConfigurations,
    dnsSettings: { dnsServers: [], appliedDnsServers: [], ...objectAt(given, 'dnsSettings') },
    enableAcceleratedNetworking: given['enableAcceleratedNetworking'] ?? false,
    enableIPForwarding: given['enableIPForwarding'] ?? false,
    macAddress:
      existing?.properties['macAddress'] ??
      `00-0D-3A-${[...state.random.bytes(3)].map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join('-')}`,
    nicType: 'Standard',
    ...(owner === undefined ? {} : { virtualMachine: owner }),
  };
};

export const completeNetwork: CompleteProperties = (_state, network, given, existing) => {
  if (arrayAt(given, 'addressSpace', 'addressPrefixes').length === 0) {
    throw requiredParameter('addressSpace.addressPrefixes');
  }
  const subnets = given['subnets'] ?? existing?.properties['subnets'] ?? [];
  return {
    ...given,
    subnets: arrayAt(subnets).map((subnet) => completeSubnet(network.id, objectAt(subnet))),
  };
};

export function completeSubnet(networkId: string, given: JsonObject): JsonObject {
  const name = stringAt(given, 'name');
  if (name === undefined) throw requiredParameter('subnets.name');
  const properties = objectAt(given, 'properties');
  const hasPrefix =
    properties['addressPrefix'] !== undefined || properties['addressPrefixes'] !== undefined;
  if (!hasPrefix) throw requiredParameter('subnets.addressPrefix');
  return {
    ...given,
    name,
    id: `${networkId}/subnets/${name}`,
    type: 'Microsoft.Network/virtualNetworks/subnets',
    properties: {
      delegations: [],
      privateEndpointNetworkPolicies: 'Disabled',
      privateLinkServiceNetworkPolicies: 'Enabled',
      ...properties,
      provisioningState: 'Succeeded',
    },
  };
}

export const completePublicAddress: CompleteProperties = (state, _address, given, existing) => ({
  publicIPAddressVersion: 'IPv4',
  publicIPAllocationMethod: 'Dynamic',
  idleTimeoutInMinutes: 4,
  ...given,
  ...(given['publicIPAllocationMethod'] === 'Static'
    ? {
        ipAddress:
          existing?.properties['ipAddress'] ?? `20.${[...state.random.bytes(3)].join('.')}`,
      }
    : {}),
});

export const completeSecurityGroup: CompleteProperties = (_state, group, given) => ({
  ...given,
  securityRules: arrayAt(given, 'securityRules').map((rule) => ({
    ...objectAt(rule),
    id: `${group.id}/securityRules/${stringAt(rule, 'name') ?? ''}`,
  })),
  defaultSecurityRules: [],
});
