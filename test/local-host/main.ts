import { format, parseArgs } from 'node:util';
import { AppLoadError, messageOf } from './core/load-app.ts';
import { createCrashLimit } from './crash-limit.ts';
import { createHostClock } from './host-clock.ts';
import { createHostLog, type LogLevel, writeLogLine } from './host-log.ts';
import { type LocalHost, startLocalHost } from './start-local-host.ts';

const USAGE =
  'usage: node main.ts --app DIR --state FILE.sqlite [--port N] [--function-key K] [--master-key K] [--visibility-timeout-ms N] [--control-visibility-timeout-ms N] [--listener-lock-period-ms N] [--early-timer-seed N] [--repeat-seed N] [--no-schedules] [--shorten-dates] [--exit-with-stdin] [--grace-ms N]';

const log = createHostLog(createHostClock(), writeLogLine);

// Node's own notices would stand between the JSON lines.
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning') {
    log('warning', `${warning.name}: ${warning.message}`);
  }
});

const CONSOLE_LEVELS = {
  log: 'information',
  info: 'information',
  debug: 'debug',
  trace: 'trace',
  warn: 'warning',
  error: 'error',
} as const satisfies Record<string, LogLevel>;

// stdout carries the ready line and nothing else.
for (const [method, level] of Object.entries(CONSOLE_LEVELS)) {
  Object.assign(console, { [method]: (...args: unknown[]) => log(level, format(...args)) });
}

function print(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function refuse(errors: string[]): never {
  for (const error of errors) {
    log('critical', error);
  }
  print({ ready: false, errors });
  process.exit(1);
}

function readNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  if (!/^\d+$/.test(text)) {
    refuse([`--${name} must be a whole number, got "${text}"; ${USAGE}`]);
  }
  return Number(text);
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        app: { type: 'string' },
        state: { type: 'string' },
        port: { type: 'string' },
        'function-key': { type: 'string' },
        'master-key': { type: 'string' },
        'visibility-timeout-ms': { type: 'string' },
        'control-visibility-timeout-ms': { type: 'string' },
        'listener-lock-period-ms': { type: 'string' },
        'early-timer-seed': { type: 'string' },
        'repeat-seed': { type: 'string' },
        'grace-ms': { type: 'string' },
        'shorten-dates': { type: 'boolean', default: false },
        'exit-with-stdin': { type: 'boolean', default: false },
        'no-schedules': { type: 'boolean', default: false },
      },
    });
    if (!values.app || !values.state) {
      return refuse([`--app and --state are required; ${USAGE}`]);
    }
    return { ...values, app: values.app, state: values.state };
  } catch (error) {
    return refuse([`${messageOf(error)}; ${USAGE}`]);
  }
}

const options = readOptions();
const graceMs = readNumber('grace-ms', options['grace-ms']) ?? 10_000;
const port = readNumber('port', options.port);
const visibilityTimeoutMs = readNumber('visibility-timeout-ms', options['visibility-timeout-ms']);
const controlVisibilityTimeoutMs = readNumber(
  'control-visibility-timeout-ms',
  options['control-visibility-timeout-ms'],
);
const listenerLockPeriodMs = readNumber(
  'listener-lock-period-ms',
  options['listener-lock-period-ms'],
);
const earlyTimerSeed = readNumber('early-timer-seed', options['early-timer-seed']);
const repeatSeed = readNumber('repeat-seed', options['repeat-seed']);

let host: LocalHost;
try {
  host = await startLocalHost({
    appDir: options.app,
    stateFile: options.state,
    runsSchedules: !options['no-schedules'],
    shortensDates: options['shorten-dates'],
    ...(port === undefined ? {} : { port }),
    ...(options['function-key'] === undefined ? {} : { functionKey: options['function-key'] }),
    ...(options['master-key'] === undefined ? {} : { masterKey: options['master-key'] }),
    ...(visibilityTimeoutMs === undefined ? {} : { visibilityTimeoutMs }),
    ...(controlVisibilityTimeoutMs === undefined ? {} : { controlVisibilityTimeoutMs }),
    ...(listenerLockPeriodMs === undefined ? {} : { listenerLockPeriodMs }),
    ...(earlyTimerSeed === undefined ? {} : { earlyTimerSeed }),
    ...(repeatSeed === undefined ? {} : { repeatSeed }),
  });
} catch (error) {
  refuse(error instanceof AppLoadError ? error.errors : [messageOf(error)]);
}

let isStopping = false;

function stop(): void {
  if (isStopping) {
    return;
  }
  isStopping = true;
  log('information', 'stopping');
  host.stop(graceMs).then(
    () => process.exit(0),
    (error: unknown) => {
      log('critical', `stopping failed: ${messageOf(error)}`);
      process.exit(1);
    },
  );
}

/** Exit code after the app has killed its worker; the next start finds what the genuine restart would. */
const WORKER_DEATH_EXIT_CODE = 70;

/** Exit code of the host when its worker has died too often. */
const CRASH_LIMIT_EXIT_CODE = 1;

/** Exit code of a process that was killed with signal 9. */
const KILLED_EXIT_CODE = 137;

function onWorkerDeath(cause: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log('critical', `${cause} in the app: on Azure the worker process dies. ${text}`);
  isStopping = true;
  host.failWorker(1);
  process.exit(WORKER_DEATH_EXIT_CODE);
}

if (options['exit-with-stdin']) {
  // The parent holds the other end: when it is gone, whatever the cause, so is this host.
  process.stdin.on('end', stop).resume();
}

const crashes = createCrashLimit();

process.on('SIGUSR2', () => {
  host.failWorker(KILLED_EXIT_CODE);
  if (crashes.isReached(Date.now())) {
    log(
      'critical',
      'Exceeded language worker restart retry count for runtime:node. Shutting down and proactively recycling the Functions Host to recover',
    );
    isStopping = true;
    process.exit(CRASH_LIMIT_EXIT_CODE);
  }
});
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.on('unhandledRejection', (error) => onWorkerDeath('unhandled rejection', error));
process.on('uncaughtException', (error) => onWorkerDeath('uncaught exception', error));
process.on('exit', (code) => {
  if (!isStopping) {
    log('critical', `the app called process.exit(${code}): on Azure the worker process dies`);
    host.failWorker(code);
  }
});

print({
  ready: true,
  url: host.url,
  functionKey: host.functionKey,
  masterKey: host.masterKey,
  functions: host.functions,
  errors: host.errors,
});
