import { describe, expect, it } from 'vitest';
import { runActivity } from '../../../functions/shared/activity-runner.ts';
import { SettingInvalid } from '../../../functions/shared/config.ts';
import { BackupError, ThrottledError } from '../../../lib/errors.ts';
import { refused } from '../../../lib/outcome.ts';

const SECRET = 'https://a.blob.core.windows.net/c/b?sv=2024&sig=c2VjcmV0c2VjcmV0c2VjcmV0';

function runWith(run: () => Promise<never> | Promise<ReturnType<typeof refused>>) {
  const logged: string[] = [];
  const note = (line: unknown) => void logged.push(String(line));
  const ended = runActivity('copySlice', { error: note, warn: note }, run);
  return { ended, logged };
}
const failing = (error: unknown) =>
  runWith(async () => {
    throw error;
  });

describe('runActivity', () => {
  it('hands a refusal on as it is', async () => {
    const refusal = refused('VmNotFound', 'there is none', 'vmId');

    expect(await runWith(async () => refusal).ended).toEqual(refusal);
  });

  it('turns an error that may pass into an answer, without its secrets', async () => {
    const { ended, logged } = failing(
      new BackupError('NetworkError', `could not read ${SECRET}`, { target: 'd1' }),
    );

    expect(await ended).toEqual({
      ok: false,
      askAgain: true,
      errorCode: 'NetworkError',
      message: 'could not read https://a.blob.core.windows.net/c/b?***',
      target: 'd1',
    });
    expect(logged.join('')).toContain('ActivityAttemptFailed');
    expect(logged.join('')).not.toContain('sig=');
  });

  it('hands on how long a throttled caller is to wait', async () => {
    const { ended } = failing(new ThrottledError('slow down', 17_000));

    expect(await ended).toMatchObject({ askAgain: true, retryAfterMs: 17_000 });
  });

  it('does not ask again for a wrong setting', async () => {
    const { ended } = failing(new SettingInvalid(['X is missing'], 'X'));

    const answer = await ended;

    expect(answer).toMatchObject({ ok: false, errorCode: 'SettingInvalid' });
    expect(answer).not.toHaveProperty('askAgain');
  });

  it.each([
    new TypeError(`fetch failed for ${SECRET}`, { cause: new Error(SECRET) }),
    `a string with ${SECRET}`,
    new Error(''),
  ])('throws what nobody foresaw as an error with a text and without secrets', async (error) => {
    const { ended, logged } = failing(error);

    const thrown = await ended.then(
      () => undefined,
      (reason: unknown) => reason as Error,
    );

    expect(thrown).toBeInstanceOf(Error);
    expect(thrown?.message).not.toBe('');
    expect(thrown?.cause).toBeUndefined();
    expect(`${thrown?.message} ${thrown?.stack} ${logged.join('')}`).not.toContain('sig=');
  });
});
