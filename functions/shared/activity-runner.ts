import type { InvocationContext } from '@azure/functions';
import { maskSecrets } from '../../lib/azure/secret-masking.ts';
import { BackupError, ThrottledError } from '../../lib/errors.ts';
import type { Outcome } from '../../lib/outcome.ts';
import { SettingInvalid } from './config.ts';
import type { ActivityAnswer } from './durable.ts';

/**
 * Runs an operation and puts its end into a form that may go through the history: outcomes as they
 * are, errors that we know as `AskAgain`, everything else as an exception without secrets, which the
 * host counts as a failure and tries again.
 */
export async function runActivity<T>(
  name: string,
  context: Pick<InvocationContext, 'error' | 'warn'>,
  run: () => Promise<Outcome<T>>,
): Promise<ActivityAnswer<T>> {
  try {
    const outcome = await run();
    return outcome.ok ? outcome : { ...outcome, message: maskSecrets(outcome.message) };
  } catch (error) {
    if (!(error instanceof BackupError)) {
      const message = maskSecrets(error instanceof Error ? error.message : String(error));
      context.error(
        JSON.stringify({
          event: 'ActivityFailed',
          activity: name,
          message,
          stack: error instanceof Error ? maskSecrets(error.stack ?? '') : undefined,
        }),
      );
      // Not the error itself: its message, stack and cause go into the history as they are.
      throw new Error(message === '' ? `${name} failed without a message` : message);
    }
    const message = maskSecrets(error.message);
    const target = error.target === undefined ? {} : { target: error.target };
    context.warn(
      JSON.stringify({
        event: 'ActivityAttemptFailed',
        activity: name,
        errorCode: error.errorCode,
        message,
        ...target,
      }),
    );
    // A wrong setting stays wrong until somebody restarts the app.
    if (error instanceof SettingInvalid) {
      return { ok: false, errorCode: error.errorCode, message, ...target };
    }
    return {
      ok: false,
      askAgain: true,
      errorCode: error.errorCode,
      message,
      ...target,
      ...(error instanceof ThrottledError ? { retryAfterMs: error.retryAfterMs } : {}),
    };
  }
}
