import type { Outcome } from '../outcome.ts';

export interface GuestCommandOrder {
  readonly vmId: string;
  readonly region: string;
  readonly sessionId: string;
  /** Source text of the helper; it ends up in the VM's run command resource, readable by its readers. */
  readonly helperSource: string;
  /** The helper gives up when it hears nothing for this long after its `hello`. */
  readonly helloTimeoutMs: number;
  /** The platform kills the script after this. */
  readonly timeLimitMs: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface GuestCommandState {
  /** `pending` until the VM's agent has begun it. */
  readonly execution: 'pending' | 'running' | 'succeeded' | 'failed';
  readonly exitCode?: number;
  /** The end of what the script printed, without secrets; for people. */
  readonly output: string;
}

/**
 * Runs the helper inside a VM as root. How the helper reaches its session (two URLs that are secrets)
 * is the adapter's business: they pass through neither arguments nor answers here.
 */
export interface GuestCommands {
  /** The ARM id of the command that this session has or will have. */
  idOf(vmId: string, sessionId: string): string;
  /**
   * Asks the platform to start the helper and settles once it has accepted: the script starts some
   * seconds later. Refusals carry `GuestCommandRefused`. Fine to repeat: one session has one command.
   */
  start(order: GuestCommandOrder, signal?: AbortSignal): Promise<Outcome<void>>;
  /** Undefined when there is no such command. Costs one of 12 reads a minute of this VM. */
  readState(commandId: string): Promise<GuestCommandState | undefined>;
  /** Tags of the command; undefined when there is no such command. */
  readTags(commandId: string): Promise<Readonly<Record<string, string>> | undefined>;
  /**
   * Deletes the command. **Kills the helper's process group when it still runs**, so only after its
   * `thawed`, or after its deadline and a margin. Fine when there is none.
   */
  remove(commandId: string): Promise<void>;
}
