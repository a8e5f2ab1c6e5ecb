import type { AppendBlobClient } from '@azure/storage-blob';
import { SESSION_CONTAINER } from '../catalog/storage-layout.ts';
import { BackupError, ConflictError } from '../errors.ts';
import type { GuestChannel } from '../ports/guest-channel.ts';
import { coerceAzureError, isNotFound, toBackupError } from './arm-errors.ts';
import type { AzureClients } from './azure-clients.ts';
import { limitedSignal } from './request-limits.ts';

const READ_BYTES = 1024 * 1024;
/** One small request beside a guest that may be frozen: better tried again than waited for. */
const REQUEST_LIMIT_MS = 5_000;

/** Paths of a session's two append blobs inside the container. */
export const sessionBlobNames = (
  sessionId: string,
): { readonly toGuest: string; readonly fromGuest: string } => ({
  toGuest: `${sessionId}/to-guest`,
  fromGuest: `${sessionId}/from-guest`,
});

/** Guest sessions as two append blobs each, in the service's own session account. */
export function createBlobGuestChannel(
  clients: Pick<AzureClients, 'blobServiceOnce'>,
  sessionBlobEndpoint: string,
): GuestChannel {
  const service = clients.blobServiceOnce(sessionBlobEndpoint);
  const container = service.getContainerClient(SESSION_CONTAINER);
  const blobsOf = (sessionId: string) => {
    const names = sessionBlobNames(sessionId);
    return {
      toGuest: container.getAppendBlobClient(names.toGuest),
      fromGuest: container.getAppendBlobClient(names.fromGuest),
    };
  };
  const failure = (error: unknown, action: string, sessionId: string): BackupError =>
    isNotFound(error)
      ? new BackupError('GuestSessionGone', 'The guest session was removed', { target: sessionId })
      : toBackupError(error, action, sessionId);

  const createBoth = async (sessionId: string): Promise<void> => {
    const { toGuest, fromGuest } = blobsOf(sessionId);
    const abortSignal = limitedSignal(4 * REQUEST_LIMIT_MS);
    await Promise.all([
      toGuest.createIfNotExists({ abortSignal }),
      fromGuest.createIfNotExists({ abortSignal }),
    ]);
  };

  return {
    idOf: (sessionId) => `${service.accountName}/${SESSION_CONTAINER}/${sessionId}`,

    async open(sessionId) {
      try {
        await createBoth(sessionId).catch(async (error: unknown) => {
          if (coerceAzureError(error).code !== 'ContainerNotFound') throw error;
          await container.createIfNotExists();
          await createBoth(sessionId);
        });
      } catch (error) {
        throw toBackupError(error, 'open a guest session', sessionId);
      }
    },

    async append(sessionId, line, position, signal) {
      const { toGuest } = blobsOf(sessionId);
      const body = Buffer.from(line, 'utf8');
      const nextPosition = position + body.byteLength;
      const abortSignal = limitedSignal(REQUEST_LIMIT_MS, signal);
      try {
        await toGuest.appendBlock(body, body.byteLength, {
          abortSignal,
          conditions: { appendPosition: position },
        });
        return { nextPosition };
      } catch (error) {
        const { code } = coerceAzureError(error);
        if (code !== 'AppendPositionConditionNotMet') {
          throw failure(error, 'write to a guest session', sessionId);
        }
      }
      // Either an earlier try of this very line got through, or somebody else wrote.
      const there = await readFrom(toGuest, position, REQUEST_LIMIT_MS, signal).catch(
        (error: unknown) => {
          throw failure(error, 'read back a guest session', sessionId);
        },
      );
      if (Buffer.from(there).subarray(0, body.byteLength).equals(body)) return { nextPosition };
      throw new ConflictError('Somebody else wrote to the guest session', { target: sessionId });
    },

    async read(sessionId, offset, signal) {
      try {
        return await readFrom(blobsOf(sessionId).fromGuest, offset, REQUEST_LIMIT_MS, signal);
      } catch (error) {
        throw failure(error, 'read a guest session', sessionId);
      }
    },

    async readSent(sessionId) {
      try {
        return await readFrom(blobsOf(sessionId).toGuest, 0, REQUEST_LIMIT_MS);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw failure(error, 'read a guest session', sessionId);
      }
    },

    async remove(sessionId) {
      const { toGuest, fromGuest } = blobsOf(sessionId);
      try {
        await Promise.all([toGuest.deleteIfExists(), fromGuest.deleteIfExists()]);
      } catch (error) {
        if (isNotFound(error)) return;
        throw toBackupError(error, 'remove a guest session', sessionId);
      }
    },
  };
}

/** Bytes from `offset` on, at most 1 MiB; empty at or past the end. */
async function readFrom(
  blob: AppendBlobClient,
  offset: number,
  limitMs: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  try {
    const answer = await blob.download(offset, READ_BYTES, {
      abortSignal: limitedSignal(limitMs, signal),
      maxRetryRequests: 0,
    });
    const parts: Uint8Array[] = [];
    for await (const part of answer.readableStreamBody ?? []) {
      parts.push(typeof part === 'string' ? Buffer.from(part) : part);
    }
    return Buffer.concat(parts);
  } catch (error) {
    // 416: the range begins at the end. That is what "nothing new" looks like.
    if (coerceAzureError(error).statusCode === 416) return new Uint8Array(0);
    throw error;
  }
}
