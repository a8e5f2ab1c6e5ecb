import type { IncomingMessage, ServerResponse } from 'node:http';
import { resolve } from 'node:path';
import { type FunctionError, listFunctions } from './core/app-functions.ts';
import { type HostSettings, readHostJson } from './core/host-json.ts';
import { createFunctionInvoker } from './core/invoke-function.ts';
import { loadApp } from './core/load-app.ts';
import { createClientData } from './durable/client-links.ts';
import { createClientOperations } from './durable/client-operations.ts';
import { createDurableEndpoints } from './durable/durable-endpoints.ts';
import { createEngine } from './durable/engine.ts';
import type { Engine } from './durable/engine-contract.ts';
import { shortenDates } from './durable/shorten-dates.ts';
import { openStore, type Store } from './durable/store.ts';
import { describeFunctions, type FunctionDescription } from './function-description.ts';
import { createHostClock, type HostClock } from './host-clock.ts';
import { createHostLog, type LogLine, writeLogLine } from './host-log.ts';
import { createAdminEndpoints } from './http/admin-endpoints.ts';
import { readHostKeys } from './http/host-key-store.ts';
import { sendEmpty } from './http/http-message.ts';
import { closeServer, createHttpHandlers, listen } from './http/http-server.ts';
import { createRouteTable } from './http/route-table.ts';
import { createTimerHost } from './timers/timer-host.ts';

export interface LocalHostOptions {
  /** Folder of the built app: package.json with `main`, host.json, node_modules in reach. */
  appDir: string;
  /** SQLite file that holds all state; `:memory:` keeps none. */
  stateFile: string;
  /** Port on 127.0.0.1; 0 or absent: a free one. */
  port?: number;
  functionKey?: string;
  masterKey?: string;
  /** App settings; the process's environment by default. Code of the app reads process.env in any case. */
  env?: NodeJS.ProcessEnv;
  /** How long an activity stays hidden after its host died. Default 0. */
  visibilityTimeoutMs?: number;
  /** How long messages stay hidden that a host took and did not come to: see EngineOptions. Default 0. */
  controlVisibilityTimeoutMs?: number;
  /** How long timer functions wait after their host was killed: see createListenerLock. Default 0. */
  listenerLockPeriodMs?: number;
  /** Durable timers fire up to a second early. */
  earlyTimerSeed?: number;
  /** About every fourth activity runs a second time after it has ended. */
  repeatSeed?: number;
  /** False: timer functions run only when told to through /admin/functions/{name}. Default true. */
  runsSchedules?: boolean;
  /** Shortens ISO dates in inputs, as the Durable extension was reported to do: see shortenDates. Default false. */
  shortensDates?: boolean;
  clock?: HostClock;
  /** Takes the log lines; stderr by default. */
  writeLog?: (line: LogLine) => void;
}

export interface LocalHost {
  url: string;
  functionKey: string;
  masterKey: string;
  functions: FunctionDescription[];
  /** Functions that are lost, alone, and why. */
  errors: FunctionError[];
  /** Acts as if the worker process had died: running activities and calls in flight fail. Any number of times. */
  failWorker(exitCode: number): void;
  /** Whether no turn, activity or timer function runs or waits to run. */
  isIdle(): boolean;
  /** Takes no more work, waits for what runs at most `graceMs` (default 10 s), closes everything. */
  stop(graceMs?: number): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const unavailable: Handler = (_request, response) => sendEmpty(response, 503);

const DEFAULT_GRACE_MS = 10_000;

/**
 * Starts the app in this process. Throws `HostJsonError` or `AppLoadError` for whatever makes the genuine host
 * serve nothing; a function that alone is lost is listed in `errors`.
 */
export async function startLocalHost(options: LocalHostOptions): Promise<LocalHost> {
  const clock = options.clock ?? createHostClock();
  const log = createHostLog(clock, options.writeLog ?? writeLogLine);
  const env = options.env ?? process.env;
  const appDir = resolve(options.appDir);
  const settings: HostSettings = readHostJson(appDir, env);

  let onPublic = unavailable;
  let onRpc = unavailable;
  const publicSide = await listen((req, res) => onPublic(req, res), options.port ?? 0);
  const rpcSide = await listen((req, res) => onRpc(req, res), 0);
  // Without it durable-functions rewrites all links to localhost:7071.
  process.env['WEBSITE_HOSTNAME'] ??= new URL(publicSide.url).host;

  let store: Store | undefined;
  try {
    const app = await loadApp(appDir, log);
    store = openStore(options.stateFile);
    const keys = readHostKeys(store, options);
    const { functions, errors } = listFunctions(app.registry, settings.hasExtensionBundle);
    const invoke = createFunctionInvoker(app, log);
    const links = {
      baseUrl: publicSide.url,
      rpcBaseUrl: `${rpcSide.url}/durabletask/`,
      hubName: settings.hubName,
      systemKey: keys.systemKey,
    };
    const clientData = createClientData(links);
    const ofKind = (kind: string) => functions.filter((fn) => fn.kind === kind);
    const routes = createRouteTable(ofKind('http'), settings.routePrefix);
    const passInput = options.shortensDates ? shortenDates : (json: string) => json;
    const engine: Engine = createEngine({
      store,
      clock,
      log,
      settings,
      functions,
      invoke,
      clientData,
      visibilityTimeoutMs: options.visibilityTimeoutMs ?? 0,
      controlVisibilityTimeoutMs: options.controlVisibilityTimeoutMs ?? 0,
      earlyTimerSeed: options.earlyTimerSeed,
      repeatSeed: options.repeatSeed,
      passInput,
    });
    const timers = createTimerHost({
      functions: ofKind('timer'),
      env,
      clock,
      log,
      store,
      invoke,
      clientData,
      runsSchedules: options.runsSchedules ?? true,
      listenerLockPeriodMs: options.listenerLockPeriodMs ?? 0,
    });
    const allErrors = [...errors, ...routes.errors, ...timers.errors];
    for (const error of allErrors) {
      log('error', `The '${error.function}' function is in error: ${error.message}`, {
        function: error.function,
      });
    }
    const operations = createClientOperations(
      engine,
      store,
      clock,
      log,
      settings.defaultVersion,
      passInput,
    );
    const described = describeFunctions(functions, routes.routes, timers.timers, allErrors);
    const handlers = createHttpHandlers({
      keys,
      log,
      routes,
      invoke,
      clientData: () => clientData,
      durable: createDurableEndpoints(operations, store, links),
      admin: createAdminEndpoints({ described, errors: allErrors, timers }),
    });
    engine.start();
    onPublic = handlers.onRequest;
    onRpc = handlers.onRpcRequest;
    timers.start();
    const openedStore = store;
    let stopping: Promise<void> | undefined;

    async function stop(graceMs: number): Promise<void> {
      timers.stop();
      const publicClosed = closeServer(publicSide.server);
      const deadline = new Promise<void>((done) => setTimeout(done, graceMs).unref());
      // Activities and HTTP functions may still use their client, so its listener closes last.
      await Promise.race([Promise.all([publicClosed, timers.whenIdle()]), deadline]);
      timers.abandon();
      await engine.stop(graceMs);
      publicSide.server.closeAllConnections();
      const rpcClosed = closeServer(rpcSide.server);
      rpcSide.server.closeAllConnections();
      await Promise.all([publicClosed, rpcClosed]);
      openedStore.close();
    }

    return {
      url: publicSide.url,
      functionKey: keys.functionKey,
      masterKey: keys.masterKey,
      functions: described,
      errors: allErrors,
      failWorker(exitCode) {
        handlers.failInFlight();
        engine.failWorker(exitCode);
      },
      isIdle: () => engine.isIdle() && timers.isIdle(),
      stop: (graceMs = DEFAULT_GRACE_MS) => {
        stopping ??= stop(graceMs);
        return stopping;
      },
    };
  } catch (error) {
    store?.close();
    publicSide.server.close();
    rpcSide.server.close();
    throw error;
  }
}
