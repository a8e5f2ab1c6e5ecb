import type { AppFunction } from '../core/app-functions.ts';
import type { HostSettings } from '../core/host-json.ts';
import type { FunctionInvoker } from '../core/invoke-function.ts';
import type { TypedData } from '../core/worker-protocol.ts';
import type { HostClock } from '../host-clock.ts';
import type { HostLog } from '../host-log.ts';
import type { InstanceMessage, InstanceRow } from './instance-model.ts';
import type { Store } from './store.ts';

export interface EngineOptions {
  store: Store;
  clock: HostClock;
  log: HostLog;
  settings: HostSettings;
  functions: readonly AppFunction[];
  invoke: FunctionInvoker;
  /** What a durable client binding receives. */
  clientData: TypedData;
  visibilityTimeoutMs: number;
  /**
   * How long a message stays hidden that a host had taken before it died, or after it was told to stop, in ms: those
   * of a turn in flight, and the outcome of an activity that ended during the stop. The genuine host: 5 minutes, or
   * what controlQueueVisibilityTimeout says; 0 delivers them at once.
   */
  controlVisibilityTimeoutMs: number;
  /** Seed of the mode in which activities run twice now and then; undefined: never. */
  repeatSeed: number | undefined;
  /** Seed of the mode in which durable timers fire up to a second early; undefined: on time. */
  earlyTimerSeed: number | undefined;
  /** What becomes of a JSON text on its way into an orchestrator or activity. */
  passInput(json: string): string;
}

export interface Engine {
  /** Takes up whatever the store holds: messages, activities, timers. */
  start(): void;
  /** Stores a message and wakes the instance. */
  send(instanceId: string, message: InstanceMessage): void;
  /** Stores a new instance, in the place of a finished one of its id, and starts it. */
  begin(row: InstanceRow): void;
  /** Makes a failed instance run again: see rewindInstance. Throws `RewindHangError`. */
  rewind(row: InstanceRow, reason: string): void;
  /** The instance as it stands, or undefined. */
  find(id: string): InstanceRow | undefined;
  /** Forgets the instance and deletes it from the store. */
  remove(id: string): void;
  hasOrchestrator(name: string): boolean;
  /** Starts no activity and no turn any more, waits for those that run, at most `graceMs`; true when none is left. */
  stop(graceMs: number): Promise<boolean>;
  /** What the death of the worker does: running activities fail, instances in the middle of a turn fail. */
  failWorker(exitCode: number): void;
  isIdle(): boolean;
}
