import type { AppFunction } from '../core/app-functions.ts';
import type { HostSettings } from '../core/host-json.ts';
import type { FunctionInvoker } from '../core/invoke-function.ts';
import type { TypedData } from '../core/worker-protocol.ts';
import type { HostLog } from '../host-log.ts';
import { type InstanceRow, isFinished } from './instance-model.ts';
import type { TurnContext } from './run-turn.ts';
import { findVersionMismatch } from './version-match.ts';

export interface TurnContextOptions {
  settings: HostSettings;
  /** By name in lower case. */
  orchestrators: ReadonlyMap<string, AppFunction>;
  activities: ReadonlyMap<string, AppFunction>;
  invoke: FunctionInvoker;
  clientData: TypedData;
  log: HostLog;
  passInput(json: string): string;
  find(id: string): InstanceRow | undefined;
}

function namesOf(functions: ReadonlyMap<string, AppFunction>): string[] {
  return [...functions.values()].map((fn) => fn.name);
}

/** What a turn must know of the host that runs it. */
export function createTurnContext(options: TurnContextOptions): TurnContext {
  const { settings, orchestrators, activities, invoke, clientData, log } = options;
  return {
    scheduling: {
      hasActivity: (name) => activities.has(name.toLowerCase()),
      hasOrchestrator: (name) => orchestrators.has(name.toLowerCase()),
      activityNames: () => namesOf(activities),
      orchestratorNames: () => namesOf(orchestrators),
      isInstanceActive: (id) => {
        const row = options.find(id);
        return row !== undefined && !isFinished(row.status);
      },
      defaultVersion: settings.defaultVersion,
      passInput: options.passInput,
    },
    findVersionMismatch: (version) => findVersionMismatch(version, settings),
    findOrchestrator: (name) => orchestrators.get(name.toLowerCase()),
    invoke,
    clientData,
    log,
  };
}
