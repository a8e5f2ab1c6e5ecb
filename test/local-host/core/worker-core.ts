import Module from 'node:module';
import {
  type FunctionCallback,
  type FunctionMetadata,
  HOOK_NAMES,
  type HookCallback,
  type HookName,
  type ProgrammingModel,
} from './worker-protocol.ts';

/** What one app registers while its files are loaded. */
export interface AppRegistry {
  functions: { metadata: FunctionMetadata; callback: FunctionCallback }[];
  hooks: Record<HookName, HookCallback[]>;
  log(level: string, category: string, message: string): void;
}

/** The module name under which `@azure/functions` asks for its worker. */
const CORE_MODULE = '@azure/functions-core';
const HOST_VERSION = '4.1037.0';

let loading: AppRegistry | undefined;
let programmingModel: ProgrammingModel | undefined;

class Disposable {
  readonly #dispose: () => void;
  constructor(dispose: () => void) {
    this.#dispose = dispose;
  }
  dispose(): void {
    this.#dispose();
  }
}

function systemError(ErrorType: typeof Error, message: string): Error {
  return Object.assign(new ErrorType(message), { isAzureFunctionsSystemError: true });
}

function currentRegistry(what: string): AppRegistry {
  if (!loading) {
    throw systemError(Error, `A ${what} can only be registered during app startup.`);
  }
  return loading;
}

function removeFrom<T>(list: T[], item: T): Disposable {
  return new Disposable(() => {
    const index = list.indexOf(item);
    if (index >= 0) {
      list.splice(index, 1);
    }
  });
}

const core = {
  version: '3.11.0',
  hostVersion: HOST_VERSION,
  Disposable,
  setProgrammingModel(model: ProgrammingModel): void {
    programmingModel = model;
  },
  getProgrammingModel: () => programmingModel,
  log(level: string, category: string, message: string): void {
    loading?.log(level, category, message);
  },
  registerFunction(metadata: FunctionMetadata, callback: FunctionCallback): Disposable {
    const registry = currentRegistry('function');
    const entry = { metadata, callback };
    registry.functions.push(entry);
    return removeFrom(registry.functions, entry);
  },
  registerHook(name: string, callback: HookCallback): Disposable {
    const hookName = HOOK_NAMES.find((known) => known === name);
    if (!hookName) {
      throw systemError(RangeError, `Unrecognized hook "${name}"`);
    }
    const hooks = currentRegistry('hook').hooks[hookName];
    hooks.push(callback);
    return removeFrom(hooks, callback);
  },
};

let isPatched = false;

/**
 * Makes `require('@azure/functions-core')` answer with the host, as the genuine Node worker does. The library asks
 * lazily at its first registration and remembers the answer, so this must happen before an app is loaded.
 */
export function installWorkerCore(): void {
  if (isPatched) {
    return;
  }
  isPatched = true;
  const prototype = Module.prototype as unknown as { require(id: string): unknown };
  const original = prototype.require;
  prototype.require = function patchedRequire(this: unknown, id: string): unknown {
    return id === CORE_MODULE ? core : original.call(this, id);
  };
}

let turn: Promise<unknown> = Promise.resolve();

/** Runs `load` with every registration going to `registry`; loads of several hosts in one process take turns. */
export function withRegistry<T>(registry: AppRegistry, load: () => Promise<T>): Promise<T> {
  const result = turn.then(async () => {
    loading = registry;
    try {
      return await load();
    } finally {
      loading = undefined;
    }
  });
  turn = result.catch(() => undefined);
  return result;
}

/** The programming model that the library of the loaded app has set, if it ever registered anything. */
export function getProgrammingModel(): ProgrammingModel | undefined {
  return programmingModel;
}

export function createRegistry(log: AppRegistry['log']): AppRegistry {
  return {
    functions: [],
    hooks: { preInvocation: [], postInvocation: [], appStart: [], appTerminate: [], log: [] },
    log,
  };
}
