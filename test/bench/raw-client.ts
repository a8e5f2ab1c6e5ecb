/**
 * The least client that can copy a managed snapshot into a page blob: node:https, nothing of the
 * product and no SDK. What it reaches is the ceiling that the product is measured against.
 */
import https from 'node:https';
import type { World } from '../world/start-world.ts';

const VERSION = '2024-11-04';
export const REQUEST_BYTES = 4 * 1024 ** 2;

export interface RawAnswer {
  readonly status: number;
  readonly body: Buffer;
}

export interface RawRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

export interface RawClient {
  listRanges(sourceUrl: string): Promise<RawRange[]>;
  read(sourceUrl: string, range: RawRange): Promise<Buffer>;
  createBlob(blobUrl: string, sizeBytes: number): Promise<void>;
  write(blobUrl: string, range: RawRange, bytes: Buffer): Promise<number>;
  /** Answers the status. */
  writeFromUrl(blobUrl: string, range: RawRange, sourceUrl: string): Promise<number>;
  close(): void;
}

export async function createRawClient(world: World): Promise<RawClient> {
  // The token endpoint takes any storage resource; this is the audience of all accounts.
  const { token } = await world.azure.control.issueToken('source', 'https://storage.azure.com');
  const agent = new https.Agent({ keepAlive: true, maxSockets: 64 });

  const send = (
    method: string,
    url: string,
    headers: Readonly<Record<string, string>>,
    body?: Buffer,
  ): Promise<RawAnswer> =>
    new Promise((resolve, reject) => {
      const request = https.request(
        url,
        {
          method,
          agent,
          timeout: 60_000,
          headers: {
            'x-ms-version': VERSION,
            'content-length': String(body?.length ?? 0),
            ...headers,
          },
        },
        (answer) => {
          const length = Number(answer.headers['content-length'] ?? 0);
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.once('error', reject);
          answer.once('end', () => {
            const received = Buffer.concat(parts);
            if (method === 'GET' && length > 0 && received.length !== length) {
              reject(new Error(`${received.length} of ${length} bytes came`));
            } else {
              resolve({ status: answer.statusCode ?? 0, body: received });
            }
          });
        },
      );
      request.once('timeout', () => request.destroy(new Error('no answer in 60 s')));
      request.once('error', reject);
      request.end(body);
    });

  const authorization = { authorization: `Bearer ${token}` };
  const bytesOf = ({ start, end }: RawRange): string => `bytes=${start}-${end - 1}`;
  const withQuery = (url: string, query: string): string =>
    `${url}${url.includes('?') ? '&' : '?'}${query}`;
  const expectStatus = (what: string, { status, body }: RawAnswer, expected: number): void => {
    if (status !== expected) {
      throw new Error(`${what}: ${status} ${body.toString('utf8').slice(0, 300)}`);
    }
  };

  return {
    async listRanges(sourceUrl) {
      const answer = await send('GET', withQuery(sourceUrl, 'comp=pagelist'), {});
      expectStatus('Get Page Ranges', answer, 200);
      const found = answer.body
        .toString('utf8')
        .matchAll(/<PageRange><Start>(\d+)<\/Start><End>(\d+)<\/End><\/PageRange>/g);
      return [...found].map(([, start, end]) => ({ start: Number(start), end: Number(end) + 1 }));
    },
    async read(sourceUrl, range) {
      const answer = await send('GET', sourceUrl, { range: bytesOf(range) });
      expectStatus('Get Blob', answer, 206);
      return answer.body;
    },
    async createBlob(blobUrl, sizeBytes) {
      const answer = await send('PUT', blobUrl, {
        ...authorization,
        'x-ms-blob-type': 'PageBlob',
        'x-ms-blob-content-length': String(sizeBytes),
      });
      expectStatus('Put Blob', answer, 201);
    },
    async write(blobUrl, range, bytes) {
      const answer = await send(
        'PUT',
        withQuery(blobUrl, 'comp=page'),
        { ...authorization, 'x-ms-page-write': 'update', 'x-ms-range': bytesOf(range) },
        bytes,
      );
      return answer.status;
    },
    async writeFromUrl(blobUrl, range, sourceUrl) {
      const answer = await send('PUT', withQuery(blobUrl, 'comp=page'), {
        ...authorization,
        'x-ms-page-write': 'update',
        'x-ms-range': bytesOf(range),
        'x-ms-source-range': bytesOf(range),
        'x-ms-copy-source': sourceUrl,
      });
      return answer.status;
    },
    close: () => agent.destroy(),
  };
}

/** Requests of at most 4 MiB that cover the ranges. */
export const requestsFor = (ranges: readonly RawRange[]): RawRange[] =>
  ranges.flatMap(({ start, end }) =>
    Array.from({ length: Math.ceil((end - start) / REQUEST_BYTES) }, (_, index) => ({
      start: start + index * REQUEST_BYTES,
      end: Math.min(start + (index + 1) * REQUEST_BYTES, end),
    })),
  );

/** Works off `items`, `parallel` at once. */
export async function inParallel<T>(
  items: readonly T[],
  parallel: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const item = items[next] as T;
      next += 1;
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}
