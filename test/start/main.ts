/**
 * `npm start`: the local Azure, a host, and the packaged app with a VM to protect, until Ctrl-C.
 * Uses Core Tools (`func`) where they are on PATH, and else the local host. Prints keys: all of them
 * are of the local Azure, and end with it.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { appSettings, DEPLOYMENT } from '../world/app-settings.ts';
import { createLockstepApi, delay } from '../world/lockstep-api.ts';
import { startWorld, type World } from '../world/start-world.ts';
import { findProgram } from './find-program.ts';
import { createSampleCalls } from './sample-calls.ts';
import { startFuncHost } from './start-func-host.ts';

interface RunningApp {
  readonly url: string;
  readonly functionKey: string;
  readonly hostName: string;
  /** Where the host writes its log; absent: to this terminal. */
  readonly logFile?: string;
  /** Settles when the host is gone. */
  readonly ended: Promise<number | null>;
  stop(): Promise<void>;
}

const VM = {
  name: 'db-1',
  resourceGroup: DEPLOYMENT.sourceGroup,
  region: DEPLOYMENT.sourceRegion,
  tags: { app: 'shop' },
  osDisk: { sizeMiB: 48, files: { count: 20, totalMiB: 8 } },
  dataDisks: [{ lun: 0, sizeMiB: 64, files: { count: 10, totalMiB: 16 } }],
} as const;
/** Enough to see writes wait during a freeze, too few to be heard in the fan. */
const PAIRS_PER_SECOND = 20;

const line = (text = ''): void => {
  process.stdout.write(`${text}\n`);
};

async function startUnderFunc(world: World, program: string): Promise<RunningApp> {
  const directory = join(world.directory, 'func');
  mkdirSync(directory);
  const { subnetId } = await world.azure.control.createNetwork({
    name: DEPLOYMENT.localRestoreGroup,
    resourceGroup: DEPLOYMENT.localRestoreGroup,
    region: DEPLOYMENT.sourceRegion,
  });
  const settings = appSettings(world.azure.info, {
    roles: 'protect,move,expire,restore',
    region: DEPLOYMENT.sourceRegion,
    account: DEPLOYMENT.homeAccount,
    identity: 'source',
    hub: 'LockstepSource',
    restoreGroup: DEPLOYMENT.localRestoreGroup,
    restoreSubnetId: subnetId,
  });
  const host = await startFuncHost({ program, directory, settings });
  return { ...host, hostName: `Core Tools (${program})` };
}

async function startUnderLocalHost(world: World): Promise<RunningApp> {
  const app = await world.startSourceApp();
  return {
    url: app.host.url,
    functionKey: app.host.functionKey,
    hostName: 'the local host',
    logFile: app.logFile,
    ended: app.host.exited,
    stop: () => app.stop('SIGTERM'),
  };
}

/** One point, so that every sample has something to show. */
async function protectOnce(app: RunningApp, vmId: string): Promise<string> {
  const api = createLockstepApi(app.url, app.functionKey);
  const started = await api.call<{ runId: string }>('POST', '/api/points', { vmId });
  if (started.status !== 202) {
    throw new Error(`POST /api/points: ${started.status} ${JSON.stringify(started.body)}`);
  }
  const run = await api.finishRun(started.headers.get('location') ?? '');
  if (run.state !== 'succeeded') throw new Error(`the first run failed: ${JSON.stringify(run)}`);
  return run.runId;
}

function printAll(world: World, app: RunningApp, vmId: string, runId: string): void {
  const { info } = world.azure;
  const { url, functionKey } = app;
  line();
  line(`Lockstep under ${app.hostName}`);
  line(`  URL           ${url}`);
  line(`  function key  ${functionKey}`);
  if (app.logFile !== undefined) line(`  host's log    ${app.logFile}`);
  line();
  line('Local Azure');
  line(`  ARM           ${info.arm}`);
  line(`  certificate   ${info.caFile}`);
  line(`  control       ${info.control}`);
  line(`  VM            ${vmId}`);
  for (const account of info.accounts) {
    line(`  ${account.name} (${account.region})`);
    line(`    ${account.connectionString}`);
  }
  line();
  line('Calls, to be pasted into a shell');
  for (const { what, curl } of createSampleCalls({
    url,
    functionKey,
    vmId,
    vmName: VM.name,
    runId,
  })) {
    line();
    line(`  # ${what}`);
    line(`  ${curl}`);
  }
  line();
}

/** Everything up and printed; settles with the exit code when the host has ended by itself. */
async function run(world: World, running: { app?: RunningApp }): Promise<number> {
  const vm = await world.azure.control.createVm(VM);
  await world.guests.startWriters(vm.vmId, PAIRS_PER_SECOND);
  const program = findProgram('func');
  const app = await (program === undefined
    ? startUnderLocalHost(world)
    : startUnderFunc(world, program));
  running.app = app;
  line('Taking a first restore point ...');
  const runId = await protectOnce(app, vm.vmId);
  printAll(world, app, vm.vmId, runId);
  line('Running; Ctrl-C ends it and removes everything.');
  const code = await app.ended;
  // Ctrl-C goes to every process of the terminal: the host may have heard of it first.
  await delay(500);
  return code ?? 1;
}

let stopIsAsked = false;
const stopAsked = new Promise<number>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      stopIsAsked = true;
      resolve(0);
    });
  }
});

line('Starting the local Azure and the app ...');
const running: { app?: RunningApp } = {};
let world: World | undefined;
try {
  world = await startWorld();
  process.exitCode = await Promise.race([run(world, running), stopAsked]);
} catch (error) {
  // What fails because everything around it is being stopped is not worth a word.
  if (!stopIsAsked) {
    process.exitCode = 1;
    process.stderr.write(`${world?.azure.errorOutput() ?? ''}\n`);
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  }
} finally {
  line('Stopping ...');
  await running.app?.stop();
  await world?.stop();
}
