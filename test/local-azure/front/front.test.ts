import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Front, FrontOptions } from '../contracts.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createCertificate } from './certificate.ts';
import { createFaultList } from './faults.ts';
import { createFrontFactory, type LocalFrontFactory } from './front-factory.ts';
import { createRegionSwitch } from './region-switch.ts';
import { createRequestLog, pathWithoutSecrets } from './request-log.ts';

const random = createSeededRandom('front-tests');
const log = createRequestLog();
const faults = createFaultList(random.fork('faults'));
const regions = createRegionSwitch(['westeurope', 'northeurope']);
const errors: string[] = [];
let directory = '';
let fronts: LocalFrontFactory;
let ca = '';

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'front-tests-'));
  const certificate = await createCertificate(directory);
  ca = readFileSync(certificate.certificateFile, 'utf8');
  fronts = createFrontFactory({
    certificate,
    log,
    faults,
    regions,
    newRequestId: () => random.uuid(),
    reportError: (error, context) => errors.push(`${context}: ${String(error)}`),
  });
});
afterEach(async () => {
  faults.clear();
  log.clear();
  errors.length = 0;
  regions.turnOn('westeurope');
  await fronts.closeAll();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function startEcho(extra: Partial<FrontOptions> = {}): Promise<Front> {
  return fronts.start({
    service: 'blob',
    region: 'westeurope',
    handle: (_request, response) => {
      response.end('hello');
    },
    ...extra,
  });
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

function get(url: string, headers: Record<string, string> = {}, agent?: Agent): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ca, headers, agent: agent ?? false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    sent.once('error', reject);
    sent.end();
  });
}

/** The entry is written when the connection has ended, which may be after the client has its answer. */
async function logged(): Promise<ReturnType<typeof log.list>[number]> {
  const deadline = Date.now() + 2_000;
  for (;;) {
    const last = log.list().at(-1);
    if (last !== undefined) return last;
    if (Date.now() > deadline) throw new Error('nothing was logged');
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

describe('a front', () => {
  it('answers over TLS at both names with request ids, and logs the request', async () => {
    const front = await startEcho({ describe: () => ({ operation: 'Get Blob' }) });
    const reply = await get(`${front.origin}/a/b?sv=1&sig=secret`, {
      'x-ms-client-request-id': 'mine',
    });
    expect(reply).toMatchObject({ status: 200, text: 'hello' });
    expect(reply.headers['x-ms-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(reply.headers['x-ms-client-request-id']).toBe('mine');
    expect(await logged()).toMatchObject({
      service: 'blob',
      region: 'westeurope',
      method: 'GET',
      path: '/a/b?sv=1&sig=…',
      operation: 'Get Blob',
      status: 200,
    });
    expect((await get(`https://localhost:${front.port}/`)).status).toBe(200);
  });

  it('keeps an idle connection open for longer than any client does', async () => {
    const front = await startEcho();
    const agent = new Agent({ keepAlive: true });
    const reply = await get(front.origin, {}, agent);
    agent.destroy();
    expect(
      Number(/timeout=(\d+)/.exec(String(reply.headers['keep-alive']))?.[1]),
    ).toBeGreaterThanOrEqual(60);
  });

  it('turns an error of a handler into a 500 of the service and reports it', async () => {
    const front = await startEcho({
      handle: () => {
        throw new Error('broken handler');
      },
    });
    const reply = await get(front.origin);
    expect(reply.status).toBe(500);
    expect(reply.headers['x-ms-error-code']).toBe('InternalError');
    expect(reply.text).toContain('<Code>InternalError</Code>');
    expect(errors.join()).toContain('broken handler');
  });

  it('cuts connections while its region is off, idle ones too, and works again afterwards', async () => {
    const front = await startEcho();
    const agent = new Agent({ keepAlive: true });
    await get(front.origin, {}, agent);
    regions.turnOff('westeurope');
    await expect(get(front.origin, {}, agent)).rejects.toThrow();
    await expect(get(front.origin)).rejects.toThrow();
    regions.turnOn('westeurope');
    expect((await get(front.origin)).status).toBe(200);
    agent.destroy();
  });

  it('knows no region that the run does not have', () => {
    expect(() => regions.turnOff('mars')).toThrow(RangeError);
  });
});

describe('a fault', () => {
  it('refuses call number N with status, code and headers', async () => {
    const front = await startEcho();
    faults.add(
      { service: 'blob', nth: 2 },
      { status: 503, code: 'ServerBusy', headers: { 'retry-after': '3' } },
    );
    expect((await get(front.origin)).status).toBe(200);
    const refused = await get(front.origin);
    expect(refused).toMatchObject({ status: 503 });
    expect(refused.headers).toMatchObject({ 'x-ms-error-code': 'ServerBusy', 'retry-after': '3' });
    expect((await get(front.origin)).status).toBe(200);
    expect(faults.list()[0]).toMatchObject({ matched: 3, hits: 1 });
  });

  it('speaks the language of each service', async () => {
    const arm = await startEcho({ service: 'arm' });
    faults.add({ service: 'arm' }, { status: 429 });
    expect(JSON.parse((await get(arm.origin)).text)).toMatchObject({
      error: { code: 'TooManyRequests' },
    });
    const table = await startEcho({ service: 'table' });
    faults.add({ service: 'table' }, { status: 500 });
    expect(JSON.parse((await get(table.origin)).text)).toMatchObject({
      'odata.error': { code: 'InternalError' },
    });
  });

  it('cuts the connection before the work, or after it', async () => {
    let handled = 0;
    const front = await startEcho({
      handle: (_request, response) => {
        handled += 1;
        response.writeHead(200);
        response.end('done');
      },
    });
    faults.add({}, { resetBefore: true });
    await expect(get(front.origin)).rejects.toThrow();
    expect(handled).toBe(0);
    faults.add({}, { resetAfter: true });
    await expect(get(front.origin)).rejects.toThrow();
    expect(handled).toBe(1);
    expect((await get(front.origin)).status).toBe(200);
  });

  it('delays, and never answers', async () => {
    const front = await startEcho();
    faults.add({}, { latencyMs: 60 });
    const start = performance.now();
    await get(front.origin);
    expect(performance.now() - start).toBeGreaterThanOrEqual(55);
    faults.add({}, { hang: true });
    const outcome = await Promise.race([
      get(front.origin).then(
        () => 'answered',
        () => 'cut',
      ),
      new Promise((resolve) => {
        setTimeout(() => resolve('silent'), 150);
      }),
    ]);
    expect(outcome).toBe('silent');
  });
});

describe('the request log', () => {
  it('hides the values of secret parameters and no others', () => {
    expect(pathWithoutSecrets('/a?sv=1&sig=abc%3D&comp=page')).toBe('/a?sv=1&sig=…&comp=page');
    expect(pathWithoutSecrets('/a')).toBe('/a');
    expect(pathWithoutSecrets('/o?p=guid&api-version=1&t=5&s=sign')).toBe(
      '/o?p=…&api-version=1&t=…&s=…',
    );
  });

  it('counts by operation and status', async () => {
    const front = await startEcho({ describe: () => ({ operation: 'Put Page' }) });
    faults.add({ nth: 2 }, { status: 500 });
    await get(front.origin);
    await get(front.origin);
    const filter = { operation: 'Put Page' };
    await expect.poll(() => log.count(filter).requests).toBe(2);
    expect(log.count(filter)).toMatchObject({
      byOperation: { 'blob Put Page': 2 },
      byStatus: { '200': 1, '500': 1 },
    });
    expect(log.list({ ...filter, status: 500 })).toHaveLength(1);
    expect(log.list({ operation: 'Get Blob' })).toHaveLength(0);
  });
});
