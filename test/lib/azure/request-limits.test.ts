import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDefaultHttpClient, createPipelineRequest } from '@azure/core-rest-pipeline';
import { PageBlobClient } from '@azure/storage-blob';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coerceAzureError } from '../../../lib/azure/arm-errors.ts';
import { createBlobPipeline, createBoundedHttpClient } from '../../../lib/azure/request-limits.ts';

describe('request limits', () => {
  let server: Server;
  let origin = '';

  beforeAll(async () => {
    // Answers the head of a response to /slow-body and then nothing; to everything else nothing.
    server = createServer((request, response) => {
      if (request.url?.startsWith('/account/container/slow-body')) {
        response.writeHead(200, { 'content-length': 1000, etag: '"1"' });
        response.write('begin');
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const within = async (limitMs: number, work: Promise<unknown>): Promise<unknown> => {
    const startedMs = performance.now();
    const error = await work.then(
      () => new Error('answered'),
      (reason: unknown) => reason,
    );
    expect(performance.now() - startedMs).toBeLessThan(limitMs);
    return error;
  };

  it('ends a plain request that nobody answers, as a transient error', async () => {
    const http = createBoundedHttpClient(createDefaultHttpClient(), 100);
    const request = createPipelineRequest({ url: `${origin}/x`, allowInsecureConnection: true });
    const error = await within(3_000, http.sendRequest(request));
    expect(coerceAzureError(error)).toMatchObject({ kind: 'transient', code: 'TimedOut' });
  });

  it('ends a blob request that nobody answers, as a transient error', async () => {
    const blob = new PageBlobClient(
      `${origin}/account/container/silent`,
      createBlobPipeline(undefined, 100, 1),
    );
    const error = await within(3_000, blob.getProperties());
    expect(coerceAzureError(error)).toMatchObject({ kind: 'transient', code: 'TimedOut' });
  });

  it('ends a blob download whose body never comes', async () => {
    const blob = new PageBlobClient(
      `${origin}/account/container/slow-body`,
      createBlobPipeline(undefined, 300, 1),
    );
    const error = await within(5_000, blob.downloadToBuffer(0, 1000));
    expect(coerceAzureError(error).kind).toBe('transient');
  });

  it('leaves the caller’s own abort an abort', async () => {
    const http = createBoundedHttpClient(createDefaultHttpClient(), 5_000);
    const request = createPipelineRequest({
      url: `${origin}/x`,
      allowInsecureConnection: true,
      abortSignal: AbortSignal.timeout(50),
    });
    const error = await within(3_000, http.sendRequest(request));
    expect(error).toMatchObject({ name: 'AbortError' });
  });
});
