import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

/** The service said no for good: 403, 404 and the like. The text holds no URL, so no signature. */
export class ChannelRefusedError extends Error {
  override readonly name = 'ChannelRefusedError';
}

export interface BlobChannel {
  /** What stands in `to-guest` from the last read on; undefined when nothing new is there. */
  read(): Promise<Buffer | undefined>;
  /** Appends once, however often it has to try. */
  append(data: Buffer): Promise<void>;
  close(): void;
}

export interface BlobChannelOptions {
  readonly toGuestUrl: string;
  readonly fromGuestUrl: string;
  /** The PEM of the certificate that the storage fronts show. */
  readonly certificatePem: string;
  /** Aborting ends every call. */
  readonly signal: AbortSignal;
  /** How long one message is tried again after errors that may pass. Default 120,000. */
  readonly giveUpAfterMs?: number;
}

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly body: Buffer;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** Any version since 2015-02-21 knows append blobs; a SAS request may name its own. */
const STORAGE_VERSION = '2021-08-06';

/**
 * The guest's end of the two append blobs, as a plain HTTPS client with SAS URLs: Append Block under
 * `x-ms-blob-condition-appendpos`, Get Blob by range (416 past the end).
 */
export function createBlobChannel(options: BlobChannelOptions): BlobChannel {
  const { signal } = options;
  const giveUpAfterMs = options.giveUpAfterMs ?? 120_000;
  const agent = new Agent({ ca: options.certificatePem, keepAlive: true, maxSockets: 2 });
  let readOffset = 0;
  let appendOffset = 0;

  function send(
    method: 'GET' | 'PUT',
    url: URL,
    headers: Record<string, string | number>,
    body?: Buffer,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        url,
        {
          method,
          agent,
          signal,
          timeout: REQUEST_TIMEOUT_MS,
          headers: { 'x-ms-version': STORAGE_VERSION, ...headers },
        },
        (incoming) => {
          const parts: Buffer[] = [];
          incoming.on('data', (part: Buffer) => parts.push(part));
          incoming.on('error', reject);
          incoming.on('end', () => {
            resolve({
              status: incoming.statusCode ?? 0,
              code: String(incoming.headers['x-ms-error-code'] ?? ''),
              body: Buffer.concat(parts),
            });
          });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  function getFrom(url: string, offset: number): Promise<Answer> {
    return send('GET', new URL(url), { 'x-ms-range': `bytes=${offset}-` });
  }

  /** True when the blob holds `data` at the place where it was to be appended. */
  async function hasLanded(data: Buffer): Promise<boolean> {
    const { status, body } = await getFrom(options.fromGuestUrl, appendOffset);
    return (status === 200 || status === 206) && body.subarray(0, data.length).equals(data);
  }

  async function tryAppend(data: Buffer): Promise<'done' | 'again'> {
    const url = new URL(options.fromGuestUrl);
    url.searchParams.set('comp', 'appendblock');
    const { status, code } = await send(
      'PUT',
      url,
      { 'content-length': data.length, 'x-ms-blob-condition-appendpos': appendOffset },
      data,
    );
    if (status === 201) return 'done';
    if (status === 412 && (await hasLanded(data))) return 'done';
    if (mayPass(status)) return 'again';
    throw new ChannelRefusedError(`append was refused with ${status} ${code}`);
  }

  return {
    async read() {
      const { status, code, body } = await getFrom(options.toGuestUrl, readOffset);
      if (status === 416) return undefined;
      if (status === 200 || status === 206) {
        readOffset += body.length;
        return body.length > 0 ? body : undefined;
      }
      if (mayPass(status)) return undefined;
      throw new ChannelRefusedError(`read was refused with ${status} ${code}`);
    },
    async append(data) {
      const giveUpAtMs = performance.now() + giveUpAfterMs;
      for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 2, 1000)) {
        try {
          if ((await tryAppend(data)) === 'done') {
            appendOffset += data.length;
            return;
          }
        } catch (error) {
          signal.throwIfAborted();
          if (error instanceof ChannelRefusedError || performance.now() > giveUpAtMs) throw error;
        }
        if (performance.now() > giveUpAtMs) throw new ChannelRefusedError('append got no success');
        await sleep(pauseMs, undefined, { signal });
      }
    },
    close() {
      agent.destroy();
    },
  };
}

function mayPass(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}
