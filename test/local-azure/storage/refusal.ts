import { RestError } from '@azure/storage-blob';

/** `status code` of the refusal that `action` must end in. */
export async function refusal(action: Promise<unknown>): Promise<string> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RestError)) {
    throw new Error(`expected a refusal, got ${String(error)}`);
  }
  const details = error.details as { errorCode?: string } | undefined;
  return `${error.statusCode} ${error.code ?? details?.errorCode ?? ''}`;
}
