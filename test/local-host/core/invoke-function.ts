import { randomUUID } from 'node:crypto';
import { type HostLog, toLogLevel } from '../host-log.ts';
import type { AppFunction } from './app-functions.ts';
import type { LoadedApp } from './load-app.ts';
import type {
  CoreInvocationContext,
  FunctionCallback,
  InvocationResponse,
  TypedData,
} from './worker-protocol.ts';

export interface InvocationRequest {
  inputData: { name: string; data: TypedData }[];
  triggerMetadata?: Record<string, TypedData>;
  instanceId?: string;
}

/** What a call of a function came to. `result` is what the handler returned, before it was converted. */
export interface Invocation {
  result: unknown;
  /** Converts the result for the host; throws where the library refuses it (a bare string from an HTTP function). */
  respond(): Promise<InvocationResponse>;
}

export type FunctionInvoker = (fn: AppFunction, request: InvocationRequest) => Promise<Invocation>;

/**
 * Calls functions of `app` the way the genuine Node worker does: arguments from the library, `preInvocation` hooks,
 * the handler, `postInvocation` hooks, response. A handler that throws null or undefined counts as having succeeded,
 * as it does there.
 */
export function createFunctionInvoker(app: LoadedApp, log: HostLog): FunctionInvoker {
  return async (fn, request) => {
    const invocationId = randomUUID();
    const source = {
      function: fn.name,
      ...(request.instanceId === undefined ? {} : { instanceId: request.instanceId }),
    };
    const hookData: Record<string, unknown> = {};
    const shared = { hookData, appHookData: app.appHookData };
    const core: CoreInvocationContext = {
      invocationId,
      metadata: fn.metadata,
      request: {
        invocationId,
        inputData: request.inputData,
        triggerMetadata: request.triggerMetadata ?? {},
        traceContext: {},
      },
      state: undefined,
      log(level, category, message) {
        const hookContext = { ...shared, level, category, message, invocationContext: undefined };
        for (const hook of app.registry.hooks.log) {
          hook(hookContext);
        }
        log(toLogLevel(String(hookContext.level)), String(hookContext.message), source);
      },
    };
    const model = app.model.getInvocationModel(core);
    const { context, inputs } = await model.getArguments();
    core.state = 'preInvocationHooks';
    const pre = {
      ...shared,
      invocationContext: context,
      functionCallback: fn.callback as FunctionCallback,
      inputs,
    };
    for (const hook of app.registry.hooks.preInvocation) {
      await hook(pre);
    }
    core.state = 'invocation';
    const post: Record<string, unknown> = { ...shared, invocationContext: context, inputs };
    try {
      post['result'] = await model.invokeFunction(context, pre.inputs, pre.functionCallback);
    } catch (error) {
      post['error'] = error;
    }
    core.state = 'postInvocationHooks';
    for (const hook of app.registry.hooks.postInvocation) {
      await hook(post);
    }
    core.state = undefined;
    if (post['error'] !== undefined && post['error'] !== null) {
      throw post['error'];
    }
    const result = post['result'];
    return { result, respond: () => model.getResponse(context, result) };
  };
}
