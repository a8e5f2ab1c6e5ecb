import type { VersionFamily } from './api-versions.ts';
import type { ArmRoute } from './arm-router.ts';
import type { ArmState } from './arm-state.ts';
import type { JsonObject } from './json.ts';
import { listPage } from './list-page.ts';
import { type ArmResource, toBody } from './resource-store.ts';
import { requireResource } from './start-operation.ts';
import { requireGroup } from './subscription-routes.ts';

export interface ReadRoutesOptions {
  /** `Microsoft.Compute/disks` */
  readonly type: string;
  readonly family: VersionFamily;
  /** Name of the operation group in the SDK. */
  readonly group: string;
  /** Names of the two lists in the SDK. */
  readonly listByGroup: string;
  readonly listAll: string;
  show?(resource: ArmResource, query: URLSearchParams): JsonObject;
}

/** Get, list by resource group and list by subscription. A region that is off is left out of lists. */
export function createReadRoutes(state: ArmState, options: ReadRoutesOptions): readonly ArmRoute[] {
  const typeName = options.type.split('/').slice(1).join('/');
  const common = { method: 'GET', family: options.family, type: typeName } as const;
  const show = options.show ?? toBody;
  const reachable = () =>
    state.resources
      .list(options.type)
      .filter((resource) => !state.regionSwitch.isOff(resource.region));
  return [
    {
      ...common,
      path: `{rg}/providers/${options.type}/:name`,
      operation: `${options.group}.get`,
      handle: (call) => ({
        status: 200,
        body: show(requireResource(state, call, options.type), call.query),
      }),
    },
    {
      ...common,
      path: `{rg}/providers/${options.type}`,
      operation: `${options.group}.${options.listByGroup}`,
      handle(call) {
        const group = requireGroup(state, call.params['resourceGroup'] ?? '');
        const wanted = group.name.toLowerCase();
        const inGroup = reachable().filter(
          (resource) => resource.resourceGroup.toLowerCase() === wanted,
        );
        return listPage(
          state,
          call,
          inGroup.map((resource) => show(resource, call.query)),
        );
      },
    },
    {
      ...common,
      path: `{sub}/providers/${options.type}`,
      operation: `${options.group}.${options.listAll}`,
      handle: (call) =>
        listPage(
          state,
          call,
          reachable().map((resource) => show(resource, call.query)),
        ),
    },
  ];
}
