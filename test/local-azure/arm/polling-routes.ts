import { ArmError } from './arm-error.ts';
import type { ArmCall, ArmReply, ArmRoute } from './arm-router.ts';
import type { ArmState } from './arm-state.ts';
import type { OperationKind } from './long-running-operations.ts';

/** The URLs that Azure-AsyncOperation and Location headers point to. */
export function createPollingRoutes(state: ArmState): readonly ArmRoute[] {
  function poll(kind: OperationKind, call: ArmCall): ArmReply {
    const { region = '', guid = '' } = call.params;
    const reply = state.operations.poll(kind, region, guid, call.query);
    if (reply === undefined) {
      throw new ArmError(404, 'NotFound', 'The entity was not found.');
    }
    return reply;
  }

  function route(provider: string, segment: string, kind: OperationKind): ArmRoute {
    return {
      method: 'GET',
      path: `{sub}/providers/${provider}/locations/:region/${segment}/:guid`,
      operation: 'pollOperation',
      family: 'polling',
      type: 'operations',
      handle: (call) => poll(kind, call),
    };
  }

  return [
    route('Microsoft.Compute', 'DiskOperations', 'DiskOperations'),
    route('Microsoft.Compute', 'operations', 'operations'),
    route('Microsoft.Network', 'operations', 'networkOperations'),
  ];
}
