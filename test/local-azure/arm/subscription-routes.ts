import { ArmError, fromGateway, resourceGroupNotFound } from './arm-error.ts';
import type { ArmCall, ArmReply, ArmRoute } from './arm-router.ts';
import type { ArmState, RegionInfo } from './arm-state.ts';
import { isObject, type Json, type JsonObject, stringAt } from './json.ts';
import { listPage } from './list-page.ts';
import type { ResourceGroup } from './resource-store.ts';

function groupBody(group: ResourceGroup): JsonObject {
  return {
    id: group.id,
    name: group.name,
    type: 'Microsoft.Resources/resourceGroups',
    location: group.region,
    ...(group.tags === undefined ? {} : { tags: { ...group.tags } }),
    properties: { provisioningState: 'Succeeded' },
  };
}

/** Tags as ARM accepts them: an object of strings. */
export function readTags(value: Json): Record<string, string> | undefined {
  if (value === undefined || value === null) return undefined;
  const isValid =
    isObject(value) &&
    Object.values(value).every((tag) => typeof tag === 'string' && tag.length <= 256);
  if (!isValid || Object.keys(value).length > 50) {
    throw new ArmError(
      400,
      'InvalidTagValue',
      'The tags must be at most 50 names with string values of up to 256 characters.',
      fromGateway,
    );
  }
  return { ...(value as Record<string, string>) };
}

/** The region that a body names, whose display name is accepted too. */
export function readRegion(state: ArmState, body: JsonObject): string {
  const location = stringAt(body, 'location');
  if (location === undefined || location === '') {
    throw new ArmError(
      400,
      'LocationRequired',
      'The location property is required for this definition.',
      fromGateway,
    );
  }
  const wanted = location.toLowerCase().replaceAll(' ', '');
  const region = state.regions.find((known) => known.name === wanted);
  if (region === undefined) {
    throw new ArmError(
      400,
      'LocationNotAvailableForResourceType',
      `The provided location '${location}' is not available for resource type. List of available regions for the resource type is '${state.regions.map((known) => known.name).join(',')}'.`,
      fromGateway,
    );
  }
  return region.name;
}

export function requireGroup(state: ArmState, name: string): ResourceGroup {
  const group = state.resources.group(name);
  if (group === undefined) throw resourceGroupNotFound(name);
  return group;
}

function locationBody(state: ArmState, region: RegionInfo): JsonObject {
  const id = (name: string) => `/subscriptions/${state.subscriptionId}/locations/${name}`;
  return {
    id: id(region.name),
    name: region.name,
    type: 'Region',
    displayName: region.displayName,
    regionalDisplayName: `(Europe) ${region.displayName}`,
    metadata: {
      regionType: 'Physical',
      regionCategory: 'Recommended',
      geographyGroup: 'Europe',
      pairedRegion:
        region.paired === undefined ? [] : [{ name: region.paired, id: id(region.paired) }],
    },
    availabilityZoneMappings: ['1', '2', '3'].map((zone) => ({
      logicalZone: zone,
      physicalZone: `${region.name}-az${zone}`,
    })),
  };
}

/** Subscription, locations and resource groups. */
export function createSubscriptionRoutes(state: ArmState): readonly ArmRoute[] {
  function subscriptionBody(): JsonObject {
    return {
      id: `/subscriptions/${state.subscriptionId}`,
      subscriptionId: state.subscriptionId,
      tenantId: state.tenantId,
      displayName: 'Local',
      state: 'Enabled',
    };
  }

  function putGroup(call: ArmCall): ArmReply {
    const name = call.params['resourceGroup'] ?? '';
    if (!/^[\p{L}\p{N}_().-]{1,90}$/u.test(name) || name.endsWith('.')) {
      throw new ArmError(
        400,
        'InvalidResourceGroup',
        `The provided resource group name '${name}' is invalid.`,
        fromGateway,
      );
    }
    const region = readRegion(state, call.body);
    const known = state.resources.group(name);
    if (known !== undefined && known.region !== region) {
      throw new ArmError(
        409,
        'InvalidResourceGroupLocation',
        `Invalid resource group location '${region}'. The Resource group already exists in location '${known.region}'.`,
        fromGateway,
      );
    }
    const group: ResourceGroup = known ?? {
      id: `/subscriptions/${state.subscriptionId}/resourceGroups/${name}`,
      name,
      region,
      tags: undefined,
    };
    group.tags = readTags(call.body['tags']);
    state.resources.putGroup(group);
    return { status: known === undefined ? 201 : 200, body: groupBody(group) };
  }

  const resourceGroup = (call: ArmCall) => requireGroup(state, call.params['resourceGroup'] ?? '');
  return [
    {
      method: 'GET',
      path: '/subscriptions',
      operation: 'subscriptions.list',
      family: 'subscriptions',
      type: 'subscriptions',
      handle: () => ({ status: 200, body: { value: [subscriptionBody()] } }),
    },
    {
      method: 'GET',
      path: '{sub}',
      operation: 'subscriptions.get',
      family: 'subscriptions',
      type: 'subscriptions',
      handle: () => ({ status: 200, body: subscriptionBody() }),
    },
    {
      method: 'GET',
      path: '{sub}/locations',
      operation: 'subscriptions.listLocations',
      family: 'subscriptions',
      type: 'locations',
      handle: () => ({
        status: 200,
        body: { value: state.regions.map((region) => locationBody(state, region)) },
      }),
    },
    {
      method: 'GET',
      path: '{sub}/resourceGroups',
      operation: 'resourceGroups.list',
      family: 'resources',
      type: 'resourceGroups',
      handle: (call) => listPage(state, call, state.resources.groups().map(groupBody)),
    },
    {
      method: 'GET',
      path: '{rg}',
      operation: 'resourceGroups.get',
      family: 'resources',
      type: 'resourceGroups',
      handle: (call) => ({ status: 200, body: groupBody(resourceGroup(call)) }),
    },
    {
      method: 'HEAD',
      path: '{rg}',
      operation: 'resourceGroups.checkExistence',
      family: 'resources',
      type: 'resourceGroups',
      handle: (call) => ({
        status: state.resources.group(call.params['resourceGroup'] ?? '') === undefined ? 404 : 204,
      }),
    },
    {
      method: 'PUT',
      path: '{rg}',
      operation: 'resourceGroups.createOrUpdate',
      family: 'resources',
      type: 'resourceGroups',
      handle: putGroup,
    },
  ];
}
