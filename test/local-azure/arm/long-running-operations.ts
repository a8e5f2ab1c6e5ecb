import type { SecretLedger } from '../contracts.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { ArmError } from './arm-error.ts';
import type { Json, JsonObject } from './json.ts';

/** The name that stands in the polling URL, which tells the provider. */
export type OperationKind = 'DiskOperations' | 'operations' | 'networkOperations';

/** What the work of an operation ends with. */
export interface OperationResult {
  /** `properties.output` at the Azure-AsyncOperation URL. */
  readonly output?: Json;
  /** The body at the Location URL; nothing for a DELETE. */
  readonly final?: Json;
}

export interface OperationStart {
  readonly kind: OperationKind;
  readonly region: string;
  /** Does the work; a thrown ArmError makes the operation Failed. `wait` ends early at shutdown. */
  work(wait: (milliseconds: number) => Promise<void>): Promise<OperationResult> | OperationResult;
}

export interface StartedOperation {
  /** Headers of the 201 or 202: both URLs. Take `location` out where Azure does not send it. */
  readonly asyncUrl: string;
  readonly locationUrl: string;
  /** Settles when the work has ended, whatever its outcome. */
  readonly ended: Promise<void>;
}

export interface PollReply {
  readonly status: number;
  readonly body: Json;
  readonly headers: Readonly<Record<string, string>>;
}

export interface LongRunningOperations {
  start(operation: OperationStart): StartedOperation;
  /** Answers a polling URL; undefined when it is not one that was handed out. */
  poll(
    kind: OperationKind,
    region: string,
    guid: string,
    query: URLSearchParams,
  ): PollReply | undefined;
  /** How many are still at work. */
  running(): number;
  close(): void;
}

interface OperationRecord {
  readonly guid: string;
  readonly kind: OperationKind;
  readonly region: string;
  readonly token: string;
  readonly signature: string;
  readonly startTime: string;
  endTime: string | undefined;
  outcome:
    | { readonly ok: true; readonly result: OperationResult }
    | { readonly ok: false; readonly error: ArmError }
    | undefined;
}

export interface LongRunningOperationsOptions {
  readonly origin: () => string;
  readonly subscriptionId: string;
  readonly random: SeededRandom;
  readonly secrets: SecretLedger;
  /** Retry-After of poll replies while in progress, in seconds; undefined sends none. */
  readonly pollRetryAfterSeconds: number | undefined;
  readonly reportError: (error: unknown, context: string) => void;
}

/** The api-version in polling URLs differs from the request's: they are to be used as they came. */
const pollingVersions: Readonly<Record<OperationKind, string>> = {
  DiskOperations: '2025-01-02',
  operations: '2025-11-01',
  networkOperations: '2025-05-01',
};

export function createLongRunningOperations(
  options: LongRunningOperationsOptions,
): LongRunningOperations {
  const records = new Map<string, OperationRecord>();
  const waits = new Map<NodeJS.Timeout, () => void>();
  let isClosed = false;

  function wait(milliseconds: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const give = () =>
        reject(new ArmError(503, 'ServiceUnavailable', 'The local Azure is closing.'));
      if (isClosed) {
        give();
        return;
      }
      const timer = setTimeout(() => {
        waits.delete(timer);
        resolve();
      }, milliseconds);
      waits.set(timer, give);
    });
  }

  function urls(record: OperationRecord): { asyncUrl: string; locationUrl: string } {
    const provider =
      record.kind === 'networkOperations' ? 'Microsoft.Network' : 'Microsoft.Compute';
    const segment = record.kind === 'networkOperations' ? 'operations' : record.kind;
    const base = `${options.origin()}/subscriptions/${options.subscriptionId}/providers/${provider}/locations/${record.region}/${segment}/${record.guid}`;
    const version = `api-version=${pollingVersions[record.kind]}`;
    const signed = `&t=${Date.parse(record.startTime)}&c=local&s=${record.signature}&h=${record.token.slice(0, 16)}`;
    return {
      asyncUrl: `${base}?p=${record.token}&${version}${signed}`,
      locationUrl: `${base}?p=${record.token}&monitor=true&${version}${signed}`,
    };
  }

  return {
    start(operation) {
      const record: OperationRecord = {
        guid: options.random.uuid(),
        kind: operation.kind,
        region: operation.region,
        token: options.random.uuid(),
        signature: options.random.bytes(32).toString('base64url'),
        startTime: new Date().toISOString(),
        endTime: undefined,
        outcome: undefined,
      };
      records.set(record.guid, record);
      options.secrets.issued('token', record.signature);
      async function run(): Promise<void> {
        try {
          record.outcome = { ok: true, result: await operation.work(wait) };
        } catch (error) {
          if (!(error instanceof ArmError)) {
            options.reportError(error, `${operation.kind} ${record.guid}`);
          }
          record.outcome = {
            ok: false,
            error:
              error instanceof ArmError
                ? error
                : new ArmError(
                    500,
                    'InternalExecutionError',
                    'An internal execution error occurred. Please retry later.',
                  ),
          };
        }
        record.endTime = new Date().toISOString();
      }
      return { ...urls(record), ended: run() };
    },
    poll(kind, region, guid, query) {
      const record = records.get(guid.toLowerCase());
      if (
        record === undefined ||
        record.kind !== kind ||
        record.region !== region.toLowerCase() ||
        query.get('p') !== record.token ||
        query.get('s') !== record.signature
      ) {
        return undefined;
      }
      const { outcome } = record;
      const isMonitor = query.get('monitor') === 'true';
      const retryAfter: Record<string, string> =
        options.pollRetryAfterSeconds === undefined || outcome !== undefined
          ? {}
          : { 'retry-after': String(options.pollRetryAfterSeconds) };
      if (isMonitor) {
        if (outcome === undefined) {
          return {
            status: 202,
            body: undefined,
            headers: { ...retryAfter, location: urls(record).locationUrl },
          };
        }
        if (!outcome.ok) {
          return {
            status: outcome.error.status,
            body: outcome.error.toBody() as JsonObject,
            headers: {},
          };
        }
        return { status: 200, body: outcome.result.final, headers: {} };
      }
      const timed = { startTime: record.startTime, endTime: record.endTime };
      if (outcome === undefined) {
        return {
          status: 200,
          body: { startTime: record.startTime, status: 'InProgress', name: record.guid },
          headers: retryAfter,
        };
      }
      if (!outcome.ok) {
        const { error } = outcome.error.toBody();
        return {
          status: 200,
          body: { ...timed, status: 'Failed', error: error as JsonObject, name: record.guid },
          headers: {},
        };
      }
      const { output } = outcome.result;
      return {
        status: 200,
        body: {
          ...timed,
          status: 'Succeeded',
          ...(output === undefined ? {} : { properties: { output } }),
          name: record.guid,
        },
        headers: {},
      };
    },
    running: () => [...records.values()].filter((record) => record.outcome === undefined).length,
    close() {
      isClosed = true;
      for (const [timer, giveUp] of waits) {
        clearTimeout(timer);
        giveUp();
      }
      waits.clear();
    },
  };
}
