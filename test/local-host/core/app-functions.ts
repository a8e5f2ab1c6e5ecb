import type { AppRegistry } from './worker-core.ts';
import type { BindingInfo, FunctionCallback, FunctionMetadata } from './worker-protocol.ts';

export type FunctionKind = 'http' | 'timer' | 'orchestration' | 'activity' | 'entity';

/** One function of the app that the host can run. */
export interface AppFunction {
  name: string;
  kind: FunctionKind;
  metadata: FunctionMetadata;
  callback: FunctionCallback;
  triggerName: string;
  trigger: BindingInfo;
  /** Names of its durable client bindings. */
  clientBindings: string[];
}

/** A function that is lost, alone, and why. */
export interface FunctionError {
  function: string;
  message: string;
}

const KIND_BY_TRIGGER: Record<string, FunctionKind> = {
  httptrigger: 'http',
  timertrigger: 'timer',
  orchestrationtrigger: 'orchestration',
  activitytrigger: 'activity',
  entitytrigger: 'entity',
};

/** The naming rule of Azure Functions (FunctionNameAttribute of the WebJobs SDK). */
const FUNCTION_NAME = /^[a-z][a-z0-9_-]{0,127}$/i;

function checkFunction(
  metadata: FunctionMetadata,
  callback: FunctionCallback,
  hasExtensionBundle: boolean,
): AppFunction | string {
  if (!FUNCTION_NAME.test(metadata.name) || metadata.name.toLowerCase() === 'host') {
    return 'the name must start with a letter and have letters, digits, "_" and "-" only, at most 128';
  }
  if (typeof callback !== 'function') {
    return 'the handler is not a function';
  }
  const trigger = Object.entries(metadata.bindings).find(([, binding]) =>
    /trigger$/i.test(binding.type),
  );
  const kind = trigger && KIND_BY_TRIGGER[trigger[1].type.toLowerCase()];
  if (!trigger || !kind) {
    return `the local host has no trigger of type "${trigger?.[1].type ?? 'none'}"`;
  }
  const clientBindings: string[] = [];
  for (const [name, binding] of Object.entries(metadata.bindings)) {
    if (name === trigger[0] || name === '$return') {
      continue;
    }
    if (binding.type.toLowerCase() !== 'durableclient') {
      return `the local host has no binding of type "${binding.type}"`;
    }
    clientBindings.push(name);
  }
  const isDurable = kind !== 'http' && kind !== 'timer';
  if ((isDurable || clientBindings.length > 0) && !hasExtensionBundle) {
    const type = isDurable ? trigger[1].type : 'durableClient';
    return `The binding type(s) '${type}' are not registered: host.json names no extensionBundle "Microsoft.Azure.Functions.ExtensionBundle"`;
  }
  return {
    name: metadata.name,
    kind,
    metadata,
    callback,
    triggerName: trigger[0],
    trigger: trigger[1],
    clientBindings,
  };
}

/** Sorts what the app registered into functions that can run and functions in error. */
export function listFunctions(
  registry: AppRegistry,
  hasExtensionBundle: boolean,
): { functions: AppFunction[]; errors: FunctionError[] } {
  const functions: AppFunction[] = [];
  const errors: FunctionError[] = [];
  for (const { metadata, callback } of registry.functions) {
    const checked = checkFunction(metadata, callback, hasExtensionBundle);
    if (typeof checked === 'string') {
      errors.push({ function: metadata.name, message: checked });
    } else {
      functions.push(checked);
    }
  }
  return { functions, errors };
}
