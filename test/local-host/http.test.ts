import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FixtureHost, startFixture } from './fixture-host.ts';

let host: FixtureHost;

beforeAll(async () => {
  host = await startFixture('http', { functionKey: 'the-key', masterKey: 'the-master' });
});

afterAll(async () => {
  await host.dispose();
});

async function get(path: string, init?: RequestInit): Promise<{ status: number; text: string }> {
  const response = await fetch(`${host.url}${path}`, init);
  return { status: response.status, text: await response.text() };
}

describe('keys', () => {
  it.each([
    ['/api/open', 200, 'open'],
    ['/api/locked', 401, ''],
    ['/api/locked?code=wrong', 401, ''],
    ['/api/locked?code=the-key', 200, 'locked'],
    ['/api/locked?code=the-master', 200, 'locked'],
    ['/api/masterOnly?code=the-key', 401, ''],
    ['/api/masterOnly?code=the-master', 200, 'admin'],
  ])('%s answers %i', async (path, status, text) => {
    expect(await get(path)).toEqual({ status, text });
  });

  it('are taken from the header as well', async () => {
    const headers = { 'x-functions-key': 'the-key' };
    expect((await get('/api/locked', { headers })).status).toBe(200);
  });
});

describe('routing', () => {
  it.each([
    ['/api/unknown', 'GET'],
    ['/unknown', 'GET'],
    ['/api/open', 'DELETE'],
    ['/api/mirror/abc', 'PUT'],
    ['/api/mirror/99999999999', 'PUT'],
    ['/api/guid/1', 'GET'],
  ])('answers 404 with an empty body for %s %s', async (path, method) => {
    expect(await get(path, { method })).toEqual({ status: 404, text: '' });
  });

  it('ignores case and a trailing slash', async () => {
    expect((await get('/API/Open/')).status).toBe(200);
  });

  it('hands over parameters, query, headers and body', async () => {
    const { text } = await get('/api/mirror/12/M%C3%BCller?q=1&q=2', {
      method: 'PUT',
      headers: { 'x-test': 'h' },
      body: 'the body',
    });
    expect(JSON.parse(text)).toEqual({
      url: `${host.url}/api/mirror/12/M%C3%BCller?q=1&q=2`,
      method: 'PUT',
      params: { id: '12', name: 'Müller' },
      q: '1,2',
      header: 'h',
      body: 'the body',
    });
  });

  it('leaves an optional parameter out', async () => {
    const { text } = await get('/api/mirror/-3', { method: 'PUT' });
    expect(JSON.parse(text)).toMatchObject({ params: { id: '-3' }, body: '' });
  });

  it('takes the rest of the path in a catch-all', async () => {
    expect(await get('/api/files/a/b.txt')).toEqual({ status: 200, text: '{"path":"a/b.txt"}' });
  });
});

describe('answers', () => {
  it.each([
    ['throws', 500, ''],
    ['answersNothing', 204, ''],
    ['answersString', 500, ''],
    ['answersOddObject', 200, ''],
  ])('of %s are %i', async (name, status, text) => {
    expect(await get(`/api/${name}`)).toEqual({ status, text });
  });

  it('carry status, headers, cookies and JSON', async () => {
    const response = await fetch(`${host.url}/api/answersJson`);
    expect(response.status).toBe(201);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('x-own')).toBe('yes');
    expect(response.headers.get('set-cookie')).toBe(
      'c=v; Max-Age=5; Path=/; HttpOnly; SameSite=Strict',
    );
    expect(await response.json()).toEqual({ a: 1 });
  });

  it('carry bytes', async () => {
    const response = await fetch(`${host.url}/api/answersBytes`);
    expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([0, 255, 1]);
  });
});

describe('functions in error', () => {
  it.each([
    ['badRoute', 'admin" or "runtime'],
    ['adminRoute', 'admin" or "runtime'],
    ['administrationRoute', 'admin" or "runtime'],
    ['badConstraint', 'nothing'],
    ['duplicateRoute', 'taken by another function'],
    ['badLevel', 'authLevel'],
    ['1badName', 'the name must start with a letter'],
    ['queue', 'queueTrigger'],
  ])('%s is lost alone', async (name, text) => {
    const error = host.errors.find((candidate) => candidate.function === name);
    expect(error?.message).toContain(text);
    expect(host.functions.map((fn) => fn.name)).not.toContain(name);
    expect(host.logs.some((line) => line.level === 'error' && line.function === name)).toBe(true);
  });

  it('leave the others listed with their routes', () => {
    expect(host.functions).toContainEqual({
      name: 'mirror',
      kind: 'http',
      route: 'api/mirror/{id:int}/{name?}',
      methods: ['PUT'],
    });
  });
});

describe('administration', () => {
  it('shows the status to the master key only', async () => {
    expect(await get('/admin/host/status?code=the-key')).toEqual({ status: 401, text: '' });
    const { status, text } = await get('/admin/host/status?code=the-master');
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ state: 'Running' });
  });

  it('does not know other paths', async () => {
    expect((await get('/admin/nothing?code=the-master')).status).toBe(404);
    expect((await get('/runtime/nothing')).status).toBe(404);
  });
});

it('logs of a function carry its name and level', async () => {
  await get('/api/logs');
  const lines = host.logs.filter((line) => line.function === 'logs');
  expect(lines.map(({ level, message }) => [level, message])).toEqual([
    ['information', 'plain { a: 1 }'],
    ['warning', 'careful'],
  ]);
});
