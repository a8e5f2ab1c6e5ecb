import { BackupError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { FoundResource } from '../ports/found-resource.ts';
import { coerceAzureError, isNotFound, toBackupError } from './arm-errors.ts';
import { regionNameOf } from './arm-resource-id.ts';

/** Options of an SDK long-running operation. */
export interface OperationControl {
  readonly updateIntervalInMs: number;
  readonly abortSignal: AbortSignal;
}

export interface ArmOperations {
  /** Waits for the end. What the platform refuses is `refusedCode` with the platform's own words. */
  make(
    start: (control: OperationControl) => PromiseLike<unknown>,
    names: { readonly action: string; readonly target: string; readonly refusedCode: string },
  ): Promise<Outcome<void>>;
  /** Waits for the end. */
  change(
    start: (control: OperationControl) => PromiseLike<unknown>,
    names: { readonly action: string; readonly target: string },
  ): Promise<void>;
  /** Waits for the end; fine when the thing was not there. */
  remove(
    start: (control: OperationControl) => PromiseLike<unknown>,
    names: { readonly action: string; readonly target: string },
  ): Promise<void>;
}

export interface ArmOperationsOptions {
  /** Between two looks at an operation, unless the platform says otherwise. Default 500. */
  readonly pollIntervalMs?: number;
  /** How long one operation is waited for in one go. Default 240,000: activities are short. */
  readonly timeLimitMs?: number;
}

export const createArmOperations = (options: ArmOperationsOptions = {}): ArmOperations => {
  const pollIntervalMs = options.pollIntervalMs ?? 500;
  const timeLimitMs = options.timeLimitMs ?? 240_000;
  const run = async (
    start: (control: OperationControl) => PromiseLike<unknown>,
    target: string,
  ): Promise<void> => {
    const limit = AbortSignal.timeout(timeLimitMs);
    try {
      await start({ updateIntervalInMs: pollIntervalMs, abortSignal: limit });
    } catch (error) {
      if (!limit.aborted) throw error;
      throw new BackupError(
        'StillInProgress',
        `ARM has not ended its operation on ${target} within ${timeLimitMs} ms`,
        { target },
      );
    }
  };
  return {
    async make(start, { action, target, refusedCode }) {
      try {
        await run(start, target);
        return done(undefined);
      } catch (error) {
        if (error instanceof BackupError) throw error;
        const { kind, code, message } = coerceAzureError(error);
        // A source or a neighbour that is not there will not be there at the next try either.
        if (kind !== 'refused' && kind !== 'notFound') throw toBackupError(error, action, target);
        return refused(refusedCode, `Azure refuses to ${action}: ${code}: ${message}`, target);
      }
    },
    async change(start, { action, target }) {
      try {
        await run(start, target);
      } catch (error) {
        throw toBackupError(error, action, target);
      }
    },
    async remove(start, { action, target }) {
      try {
        await run(start, target);
      } catch (error) {
        if (!(error instanceof BackupError) && isNotFound(error)) return;
        throw toBackupError(error, action, target);
      }
    },
  };
};

/** Reads a resource; undefined when it, or the group it stands in, does not exist. */
export const findResource = async (
  read: () => Promise<{
    readonly id?: string;
    readonly location?: string;
    readonly tags?: Readonly<Record<string, string>>;
    readonly provisioningState?: unknown;
  }>,
  id: string,
  action: string,
): Promise<FoundResource | undefined> => {
  try {
    const found = await read();
    const state = found.provisioningState;
    return {
      id: found.id ?? id,
      region: regionNameOf(found.location),
      tags: found.tags ?? {},
      provisioningState: typeof state === 'string' ? state : 'unknown',
    };
  } catch (error) {
    if (!(error instanceof BackupError) && isNotFound(error)) return undefined;
    throw toBackupError(error, action, id);
  }
};
