/** Our own requests to Azurite, signed with the account key, and the forwarding of others'. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { sendStorageError } from './exchange.ts';
import { sign, stringToSign } from './shared-key.ts';
import type { StorageError } from './storage-error.ts';

const VERSION = '2025-11-05';
/** They belong to one connection; the date is set by our own server. */
const CONNECTION_HEADERS = new Set(['connection', 'keep-alive', 'transfer-encoding', 'date']);

export interface AzuriteAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface AzuriteTarget {
  readonly port: number;
  readonly certificatePem: string;
}

export interface AnswerObserver {
  /** Sees the head of an answer; a refusal that it returns is sent instead. */
  refuse?(status: number, headers: IncomingHttpHeaders): StorageError | undefined;
  /** Told at the head of the answer. */
  onStatus?(status: number): void;
  /** Gets the whole body of the answer, which is kept in memory for it. */
  onBody?(body: string): void;
}

export interface AzuriteClient {
  /** `path` is encoded and begins with the account. */
  request(options: {
    readonly account: string;
    readonly method: string;
    readonly path: string;
    readonly query?: Readonly<Record<string, string>>;
  }): Promise<AzuriteAnswer>;
  /** Passes a request on as it is and its answer back. */
  forward(
    request: IncomingMessage,
    response: ServerResponse,
    observer?: AnswerObserver,
  ): Promise<void>;
  /** Sends a request without body on as it is and keeps the answer. */
  ask(request: IncomingMessage): Promise<AzuriteAnswer & { readonly passedHeaders: string[] }>;
  close(): void;
}

/** `keyOf` gives the Base64 key of an account of this Azurite. */
export function createAzuriteClient(
  target: AzuriteTarget,
  keyOf: (account: string) => string | undefined,
): AzuriteClient {
  const agent = new Agent({ keepAlive: true, ca: target.certificatePem, scheduling: 'lifo' });
  const address = { host: '127.0.0.1', port: target.port, agent };

  return {
    request({ account, method, path, query = {} }) {
      const parameters = new URLSearchParams(query);
      const key = keyOf(account);
      if (key === undefined) {
        throw new RangeError(`no account ${account}`);
      }
      const headers: Record<string, string> = {
        'x-ms-date': new Date().toUTCString(),
        'x-ms-version': VERSION,
      };
      const text = stringToSign({ method, headers, rawPath: path, query: parameters }, account);
      headers['authorization'] = `SharedKey ${account}:${sign(text, key)}`;
      const queryText = parameters.size === 0 ? '' : `?${parameters}`;
      return new Promise((resolve, reject) => {
        const sent = httpsRequest(
          { ...address, method, path: `${path}${queryText}`, headers },
          (answer) => {
            collect(answer).then(
              (body) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }),
              reject,
            );
          },
        );
        sent.once('error', reject);
        sent.end();
      });
    },

    forward(request, response, observer = {}) {
      return new Promise((resolve) => {
        const sent = httpsRequest(
          { ...address, method: request.method, path: request.url, headers: request.rawHeaders },
          (answer) => {
            const status = answer.statusCode ?? 502;
            const refused = observer.refuse?.(status, answer.headers);
            if (refused !== undefined) {
              answer.resume();
              sendStorageError(request, response, refused);
              return;
            }
            observer.onStatus?.(status);
            response.writeHead(status, answer.statusMessage, passedHeaders(answer.rawHeaders));
            const { onBody } = observer;
            if (onBody !== undefined) {
              const parts: Buffer[] = [];
              answer.on('data', (part: Buffer) => parts.push(part));
              answer.once('end', () => onBody(Buffer.concat(parts).toString('utf8')));
            }
            answer.pipe(response);
            answer.once('error', () => response.destroy());
          },
        );
        // Without Azurite's answer there is none to give: the client sees a broken connection.
        sent.once('error', () => response.destroy());
        response.once('close', () => {
          sent.destroy();
          resolve();
        });
        request.pipe(sent);
      });
    },

    ask(request) {
      request.resume();
      return new Promise((resolve, reject) => {
        const sent = httpsRequest(
          { ...address, method: request.method, path: request.url, headers: request.rawHeaders },
          (answer) => {
            collect(answer).then(
              (body) =>
                resolve({
                  status: answer.statusCode ?? 502,
                  headers: answer.headers,
                  passedHeaders: passedHeaders(answer.rawHeaders),
                  body,
                }),
              reject,
            );
          },
        );
        sent.once('error', reject);
        sent.end();
      });
    },

    close() {
      agent.destroy();
    },
  };
}

function passedHeaders(raw: readonly string[]): string[] {
  const passed: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    if (!CONNECTION_HEADERS.has(name.toLowerCase())) {
      passed.push(name, raw[index + 1] ?? '');
    }
  }
  return passed;
}

async function collect(answer: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of answer as AsyncIterable<Buffer>) {
    parts.push(part);
  }
  return Buffer.concat(parts);
}
