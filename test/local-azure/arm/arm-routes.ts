import type { ArmRoute } from './arm-router.ts';
import type { ArmState } from './arm-state.ts';
import { createDiskRoutes } from './disk-routes.ts';
import { createNetworkRoutes } from './network-routes.ts';
import { createPollingRoutes } from './polling-routes.ts';
import { createRunCommandRoutes } from './run-command-routes.ts';
import { createSnapshotRoutes } from './snapshot-routes.ts';
import { createStorageAccountRoutes } from './storage-account-routes.ts';
import { createSubscriptionRoutes } from './subscription-routes.ts';
import { createTagRoutes } from './tag-routes.ts';
import { createVmRoutes } from './vm-routes.ts';

/** Every route of ARM and its providers. */
export function createArmRoutes(state: ArmState): readonly ArmRoute[] {
  return [
    ...createSubscriptionRoutes(state),
    ...createPollingRoutes(state),
    ...createDiskRoutes(state),
    ...createSnapshotRoutes(state),
    ...createVmRoutes(state),
    ...createRunCommandRoutes(state),
    ...createNetworkRoutes(state),
    ...createStorageAccountRoutes(state),
    ...createTagRoutes(state),
  ];
}
