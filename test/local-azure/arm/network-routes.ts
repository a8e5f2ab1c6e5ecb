import { ArmError, invalidParameter, resourceNotFound } from './arm-error.ts';
import type { ArmCall, ArmReply, ArmRoute } from './arm-router.ts';
import { type ArmState, drawLatencyMs } from './arm-state.ts';
import { arrayAt, copyOf, type JsonObject, objectAt, stringAt } from './json.ts';
import { createReadRoutes } from './list-routes.ts';
import {
  type CompleteProperties,
  completeNetwork,
  completeNic,
  completePublicAddress,
  completeSecurityGroup,
  completeSubnet,
} from './network-types.ts';
import { idKey } from './resource-id.ts';
import { type ArmResource, toBody } from './resource-store.ts';
import {
  acceptOperation,
  callId,
  refuseIfLocked,
  refuseOtherRegion,
  requireResource,
} from './start-operation.ts';
import { readRegion, readTags, requireGroup } from './subscription-routes.ts';

export interface NetworkType {
  readonly type: string;
  /** The operation group of the network SDK. */
  readonly group: string;
  readonly complete: CompleteProperties;
}

export const networkTypes: readonly NetworkType[] = [
  {
    type: 'Microsoft.Network/networkInterfaces',
    group: 'networkInterfaces',
    complete: completeNic,
  },
  {
    type: 'Microsoft.Network/virtualNetworks',
    group: 'virtualNetworks',
    complete: completeNetwork,
  },
  {
    type: 'Microsoft.Network/publicIPAddresses',
    group: 'publicIPAddresses',
    complete: completePublicAddress,
  },
  {
    type: 'Microsoft.Network/networkSecurityGroups',
    group: 'networkSecurityGroups',
    complete: completeSecurityGroup,
  },
];

/** What still points at a network resource, by id; undefined when nothing does. */
function userOf(state: ArmState, resource: ArmResource): string | undefined {
  const owner = stringAt(resource.properties, 'virtualMachine', 'id');
  if (owner !== undefined) return owner;
  const key = idKey(resource.id);
  for (const nic of state.resources.list('Microsoft.Network/networkInterfaces')) {
    const text = JSON.stringify(nic.properties).toLowerCase();
    if (text.includes(`"${key}"`) || text.includes(`"${key}/subnets/`)) return nic.id;
  }
  return undefined;
}

function refuseInUse(state: ArmState, resource: ArmResource): void {
  const user = userOf(state, resource);
  if (user === undefined) return;
  if (resource.type.endsWith('networkInterfaces')) {
    throw new ArmError(
      400,
      'NicInUse',
      `Network Interface ${resource.id} is used by existing resource ${user}. In order to delete the network interface, it must be dissociated from the resource.`,
    );
  }
  const codes: Readonly<Record<string, string>> = {
    virtualNetworks: 'InUseSubnetCannotBeDeleted',
    publicIPAddresses: 'PublicIPAddressCannotBeDeleted',
    networkSecurityGroups: 'InUseNetworkSecurityGroupCannotBeDeleted',
  };
  const code = codes[resource.type.split('/')[1] ?? ''] ?? 'InUse';
  throw new ArmError(
    400,
    code,
    `${resource.type.split('/')[1] ?? ''} ${resource.name} is in use by ${user} and cannot be deleted.`,
  );
}

/** Puts a network resource in place at once; `readyState` is what its provisioningState says. */
export function placeNetworkResource(
  state: ArmState,
  type: NetworkType,
  given: {
    readonly id: string;
    readonly name: string;
    readonly resourceGroup: string;
    readonly region: string;
    readonly body: JsonObject;
  },
  readyState: 'Succeeded' | 'Updating',
): ArmResource {
  const existing = state.resources.get(given.id);
  const properties = type.complete(
    state,
    given,
    copyOf(objectAt(given.body, 'properties')),
    existing,
  );
  const zones = arrayAt(given.body, 'zones');
  const resource: ArmResource = {
    id: existing?.id ?? given.id,
    name: existing?.name ?? given.name,
    type: type.type,
    resourceGroup: given.resourceGroup,
    region: given.region,
    tags: readTags(given.body['tags']),
    envelope: {
      etag: `W/"${state.random.uuid()}"`,
      ...(given.body['sku'] === undefined ? {} : { sku: given.body['sku'] }),
      ...(zones.length === 0 ? {} : { zones }),
    },
    properties: {
      ...properties,
      resourceGuid: existing?.properties['resourceGuid'] ?? state.random.uuid(),
      provisioningState: readyState,
    },
  };
  state.resources.put(resource);
  return resource;
}

function put(state: ArmState, call: ArmCall, type: NetworkType): ArmReply {
  const group = requireGroup(state, call.params['resourceGroup'] ?? '');
  const name = call.params['name'] ?? '';
  if (!/^[A-Za-z0-9](?:[\w.-]{0,78}\w)?$/.test(name)) throw invalidParameter('name', name);
  const region = readRegion(state, call.body);
  const id = callId(state, call, type.type);
  const existing = state.resources.get(id);
  refuseOtherRegion(existing, region);
  const resource = placeNetworkResource(
    state,
    type,
    { id, name, resourceGroup: group.name, region, body: call.body },
    'Updating',
  );
  const accepted = acceptOperation(state, call, {
    kind: 'networkOperations',
    region,
    withLocation: false,
    async work(wait) {
      await wait(drawLatencyMs(state, state.settings.operationLatencyMs));
      resource.properties = { ...resource.properties, provisioningState: 'Succeeded' };
      return {};
    },
    onFailure: () => {
      resource.properties = { ...resource.properties, provisioningState: 'Failed' };
    },
  });
  return {
    status: existing === undefined ? 201 : 200,
    headers: accepted.headers,
    body: toBody(resource),
  };
}

function remove(state: ArmState, call: ArmCall, type: NetworkType): ArmReply {
  requireGroup(state, call.params['resourceGroup'] ?? '');
  const resource = state.resources.get(callId(state, call, type.type));
  if (resource === undefined) return { status: 204 };
  refuseIfLocked(state, resource.id);
  refuseInUse(state, resource);
  const accepted = acceptOperation(state, call, {
    kind: 'networkOperations',
    region: resource.region,
    withLocation: true,
    retryAfterSeconds: 10,
    async work(wait) {
      await wait(drawLatencyMs(state, state.settings.operationLatencyMs));
      state.resources.remove(resource.id);
      return {};
    },
  });
  return { status: 202, headers: accepted.headers };
}

function updateTags(state: ArmState, call: ArmCall, type: NetworkType): ArmReply {
  const resource = requireResource(state, call, type.type);
  resource.tags = readTags(call.body['tags']);
  return { status: 200, body: toBody(resource) };
}

function subnetRoutes(state: ArmState): readonly ArmRoute[] {
  const networkType = 'Microsoft.Network/virtualNetworks';
  const all = `{rg}/providers/${networkType}/:name/subnets`;
  const common = { family: 'network', type: 'virtualNetworks/subnets' } as const;
  const subnetsOf = (call: ArmCall) =>
    arrayAt(requireResource(state, call, networkType).properties, 'subnets');
  return [
    {
      ...common,
      method: 'GET',
      path: all,
      operation: 'subnets.list',
      handle: (call) => ({ status: 200, body: { value: subnetsOf(call) } }),
    },
    {
      ...common,
      method: 'GET',
      path: `${all}/:subnet`,
      operation: 'subnets.get',
      handle(call) {
        const name = call.params['subnet'] ?? '';
        const found = subnetsOf(call).find(
          (subnet) => stringAt(subnet, 'name')?.toLowerCase() === name.toLowerCase(),
        );
        if (found === undefined) {
          throw resourceNotFound(
            `${networkType}/${call.params['name'] ?? ''}/subnets`,
            name,
            call.params['resourceGroup'] ?? '',
          );
        }
        return { status: 200, body: found };
      },
    },
    {
      ...common,
      method: 'PUT',
      path: `${all}/:subnet`,
      operation: 'subnets.createOrUpdate',
      handle(call) {
        const network = requireResource(state, call, networkType);
        const name = call.params['subnet'] ?? '';
        const others = arrayAt(network.properties, 'subnets').filter(
          (subnet) => stringAt(subnet, 'name')?.toLowerCase() !== name.toLowerCase(),
        );
        const isNew = others.length === arrayAt(network.properties, 'subnets').length;
        const subnet = completeSubnet(network.id, { ...copyOf(call.body), name });
        network.properties = { ...network.properties, subnets: [...others, subnet] };
        return { status: isNew ? 201 : 200, body: subnet };
      },
    },
  ];
}

/** Microsoft.Network as far as a VM needs it. */
export function createNetworkRoutes(state: ArmState): readonly ArmRoute[] {
  const typed = networkTypes.flatMap((type): readonly ArmRoute[] => {
    const one = `{rg}/providers/${type.type}/:name`;
    const common = { family: 'network', type: type.group } as const;
    return [
      ...createReadRoutes(state, {
        type: type.type,
        family: 'network',
        group: type.group,
        listByGroup: 'list',
        listAll: 'listAll',
      }),
      {
        ...common,
        method: 'PUT',
        path: one,
        operation: `${type.group}.createOrUpdate`,
        handle: (call) => put(state, call, type),
      },
      {
        ...common,
        method: 'DELETE',
        path: one,
        operation: `${type.group}.delete`,
        handle: (call) => remove(state, call, type),
      },
      {
        ...common,
        method: 'PATCH',
        path: one,
        operation: `${type.group}.updateTags`,
        handle: (call) => updateTags(state, call, type),
      },
    ];
  });
  return [...typed, ...subnetRoutes(state)];
}
