import { ArmError, invalidParameter, resourceNotFound } from './arm-error.ts';
import type { ArmCall, ArmReply, ArmRoute } from './arm-router.ts';
import type { ArmState } from './arm-state.ts';
import { type JsonObject, objectAt, stringAt } from './json.ts';
import { listPage } from './list-page.ts';
import { parseResourceId } from './resource-id.ts';
import type { ArmResource, ResourceGroup } from './resource-store.ts';
import { readTags, requireGroup } from './subscription-routes.ts';

const tagsSuffix = /\/providers\/Microsoft\.Resources\/tags\/default\/?$/i;

function requireScope(state: ArmState, call: ArmCall): ArmResource | ResourceGroup {
  const scope = call.path.replace(tagsSuffix, '');
  const id = parseResourceId(scope);
  if (id === undefined) return requireGroup(state, scope.split('/')[4] ?? '');
  const resource = state.resources.get(scope);
  if (resource === undefined) throw resourceNotFound(id.type, id.name, id.resourceGroup);
  return resource;
}

function tagsBody(scope: ArmResource | ResourceGroup): JsonObject {
  return {
    id: `${scope.id}/providers/Microsoft.Resources/tags/default`,
    name: 'default',
    type: 'Microsoft.Resources/tags',
    properties: { tags: { ...scope.tags } },
  };
}

function patchTags(state: ArmState, call: ArmCall): ArmReply {
  const scope = requireScope(state, call);
  const given = readTags(objectAt(call.body, 'properties')['tags']) ?? {};
  const before = { ...scope.tags };
  const operation = stringAt(call.body, 'operation');
  switch (operation) {
    case 'Merge':
      scope.tags = { ...before, ...given };
      break;
    case 'Replace':
      scope.tags = given;
      break;
    case 'Delete':
      for (const name of Object.keys(given)) delete before[name];
      scope.tags = before;
      break;
    default:
      throw invalidParameter('operation', operation);
  }
  return { status: 200, body: tagsBody(scope) };
}

/** Resources of the list that a `$filter` of ARM lets through: eq joined by and. */
function filterResources(
  resources: readonly ArmResource[],
  filter: string | undefined,
): readonly ArmResource[] {
  if (filter === undefined || filter === '') return resources;
  const wanted = filter.split(/\s+and\s+/i).map((clause) => {
    const match = /^\s*(\w+)\s+eq\s+'([^']*)'\s*$/i.exec(clause);
    if (match === null) {
      throw new ArmError(
        400,
        'InvalidFilterInQueryString',
        `Invalid $filter '${filter}' specified in the query string.`,
      );
    }
    return { field: (match[1] ?? '').toLowerCase(), value: match[2] ?? '' };
  });
  const tagName = wanted.find(({ field }) => field === 'tagname')?.value;
  return resources.filter((resource) =>
    wanted.every(({ field, value }) => {
      switch (field) {
        case 'resourcetype':
          return resource.type.toLowerCase() === value.toLowerCase();
        case 'name':
          return resource.name.toLowerCase() === value.toLowerCase();
        case 'location':
          return resource.region === value.toLowerCase();
        case 'resourcegroup':
          return resource.resourceGroup.toLowerCase() === value.toLowerCase();
        case 'tagname':
          return Object.keys(resource.tags ?? {}).some(
            (tag) => tag.toLowerCase() === value.toLowerCase(),
          );
        case 'tagvalue':
          return Object.entries(resource.tags ?? {}).some(
            ([name, tag]) =>
              tag === value &&
              (tagName === undefined || name.toLowerCase() === tagName.toLowerCase()),
          );
        default:
          throw new ArmError(
            400,
            'InvalidFilterInQueryString',
            `Invalid $filter '${filter}' specified in the query string.`,
          );
      }
    }),
  );
}

function listResources(state: ArmState, call: ArmCall, group: string | undefined): ArmReply {
  const filter = [...call.query].find(([name]) => name.toLowerCase() === '$filter')?.[1];
  const all = state.resources
    .list()
    .filter((resource) => !state.regionSwitch.isOff(resource.region))
    .filter((resource) => group === undefined || resource.resourceGroup.toLowerCase() === group)
    .filter((resource) => resource.type.split('/').length === 2);
  return listPage(
    state,
    call,
    filterResources(all, filter).map((resource) => ({
      id: resource.id,
      name: resource.name,
      type: resource.type,
      location: resource.region,
      ...(resource.tags === undefined ? {} : { tags: { ...resource.tags } }),
      ...(resource.envelope['sku'] === undefined ? {} : { sku: resource.envelope['sku'] }),
    })),
  );
}

/** Tags at a resource or group, and the lists of all resources. */
export function createTagRoutes(state: ArmState): readonly ArmRoute[] {
  const scopes = ['{rg}', '{rg}/providers/:namespace/:resourceType/:name'];
  const common = { family: 'resources', type: 'tags' } as const;
  return [
    ...scopes.flatMap((scope): readonly ArmRoute[] => {
      const path = `${scope}/providers/Microsoft.Resources/tags/default`;
      return [
        {
          ...common,
          method: 'GET',
          path,
          operation: 'tags.getAtScope',
          handle: (call) => ({ status: 200, body: tagsBody(requireScope(state, call)) }),
        },
        {
          ...common,
          method: 'PUT',
          path,
          operation: 'tags.createOrUpdateAtScope',
          handle(call) {
            const target = requireScope(state, call);
            target.tags = readTags(objectAt(call.body, 'properties')['tags']) ?? {};
            return { status: 200, body: tagsBody(target) };
          },
        },
        {
          ...common,
          method: 'PATCH',
          path,
          operation: 'tags.updateAtScope',
          handle: (call) => patchTags(state, call),
        },
      ];
    }),
    {
      method: 'GET',
      path: '{sub}/resources',
      operation: 'resources.list',
      family: 'resources',
      type: 'resources',
      handle: (call) => listResources(state, call, undefined),
    },
    {
      method: 'GET',
      path: '{rg}/resources',
      operation: 'resources.listByResourceGroup',
      family: 'resources',
      type: 'resources',
      handle(call) {
        const group = requireGroup(state, call.params['resourceGroup'] ?? '');
        return listResources(state, call, group.name.toLowerCase());
      },
    },
  ];
}
