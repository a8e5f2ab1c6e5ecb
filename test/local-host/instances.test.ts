import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FixtureHost, startFixture } from './fixture-host.ts';

let host: FixtureHost;

beforeAll(async () => {
  host = await startFixture('durable');
});

afterAll(async () => {
  await host.dispose();
});

async function runningInstance(): Promise<string> {
  const id = await host.begin('waits', {});
  await host.until(id, ({ runtimeStatus }) => runtimeStatus === 'Running');
  return id;
}

describe('starting', () => {
  it('is refused for an id that runs', async () => {
    const id = await runningInstance();
    await expect(host.begin('waits', {}, id)).rejects.toThrow(
      'status code: 409. Details: {"Message":"An Orchestration instance with the status Running already exists."}',
    );
  });

  it('is refused for an id that is suspended', async () => {
    const id = await runningInstance();
    await host.client('suspend', id, 'hold');
    await host.until(id, ({ runtimeStatus }) => runtimeStatus === 'Suspended');
    await expect(host.begin('waits', {}, id)).rejects.toThrow('the status Suspended already');
  });

  it('replaces a finished instance', async () => {
    await host.run('returnsInput', { n: 1 }, 'again');
    expect((await host.run('returnsInput', { n: 2 }, 'again')).output).toMatchObject({
      input: { n: 2 },
    });
  });

  it('four times at once is accepted at least once, and one of them runs', async () => {
    const starts = await Promise.allSettled(
      [1, 2, 3, 4].map((n) => host.begin('returnsInput', { n }, 'race')),
    );
    expect(starts.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect((await host.finished('race')).runtimeStatus).toBe('Completed');
  });

  it('of an unknown orchestrator is accepted, then Failed', async () => {
    const status = await host.run('nowhere', {});
    expect(status.runtimeStatus).toBe('Failed');
    expect(status.output).toContain("The function 'nowhere' doesn't exist");
  });

  it('with an id that begins with @ is refused', async () => {
    await expect(host.begin('waits', {}, '@x')).rejects.toThrow('status code: 400');
  });

  it.each(['#', '?'])(
    'with an id that holds %s reaches another id: the client does not encode',
    async (sign) => {
      const id = await host.begin('returnsInput', {}, `cut${sign}rest`);
      expect(id).toBe('cut');
      expect((await host.finished('cut')).runtimeStatus).toBe('Completed');
    },
  );

  it('through a function answers 202 with links that work with the system key alone', async () => {
    const response = await fetch(`${host.url}/api/start-and-check`, { method: 'POST' });
    expect(response.status).toBe(202);
    expect(response.headers.get('retry-after')).toBe('10');
    const links = (await response.json()) as Record<string, string>;
    const uri = links['statusQueryGetUri'] ?? '';
    expect(response.headers.get('location')).toBe(uri);
    expect(uri).toMatch(/\?taskHub=FixtureHub&connection=\w+&code=/);
    await host.finished(links['id'] ?? '');
    expect((await fetch(uri)).status).toBe(200);
    const keyless = await fetch(uri.replace(/code=.*/, ''));
    expect([keyless.status, await keyless.text()]).toEqual([401, '']);
  });
});

describe('terminate', () => {
  it('ends the instance with the reason as output', async () => {
    const id = await runningInstance();
    await host.client('terminate', id, 'enough');
    expect(await host.finished(id)).toMatchObject({
      runtimeStatus: 'Terminated',
      output: 'enough',
    });
  });

  it('does not reach children', async () => {
    const id = await host.begin('parent', { child: 'waits', childId: 'orphan', input: {} });
    await host.until(id, ({ runtimeStatus }) => runtimeStatus === 'Running');
    await expect
      .poll(() => host.client('getStatusAll'))
      .toContainEqual(expect.objectContaining({ instanceId: 'orphan', runtimeStatus: 'Running' }));
    await host.client('terminate', id, 'enough');
    await host.finished(id);
    expect((await host.status('orphan')).runtimeStatus).toBe('Running');
  });

  it('of a finished instance is taken for success, of an unknown one refused', async () => {
    const { instanceId } = await host.run('returnsInput', {});
    await expect(host.client('terminate', instanceId, 'x')).resolves.toBeNull();
    await expect(host.client('terminate', 'unknown', 'x')).rejects.toThrow('No instance with ID');
  });
});

describe('suspend and resume', () => {
  it('show the reason, hold events back, and deliver them afterwards', async () => {
    const id = await host.begin('collects', { count: 2 });
    await host.client('suspend', id, 'hold on');
    const suspended = await host.until(id, ({ runtimeStatus }) => runtimeStatus === 'Suspended');
    expect(suspended.output).toBe('hold on');
    await host.client('raiseEvent', id, 'item', { n: 1 });
    await host.client('raiseEvent', id, 'item', { n: 2 });
    expect((await host.status(id)).customStatus).toBeNull();
    await expect(host.client('suspend', id, 'twice')).rejects.toThrow('500');
    await host.client('resume', id, 'go');
    expect((await host.finished(id)).output).toEqual([{ n: 1 }, { n: 2 }]);
  });
});

describe('events', () => {
  it('wait until they are asked for', async () => {
    const id = await host.begin('race', { timeoutMs: 60_000 });
    await host.client('raiseEvent', id, 'go', { late: false });
    expect((await host.finished(id)).output).toEqual({ winner: 'event', data: { late: false } });
  });

  it('without data are refused', async () => {
    const id = await runningInstance();
    await expect(host.client('raiseEvent', id, 'never')).rejects.toThrow('400');
  });

  it('for an unknown instance are refused', async () => {
    await expect(host.client('raiseEvent', 'unknown', 'x', {})).rejects.toThrow(
      'No instance with ID',
    );
  });
});

describe('status and queries', () => {
  it('have times of whole seconds', async () => {
    const { createdTime, lastUpdatedTime } = await host.run('returnsInput', {});
    expect(new Date(createdTime).getMilliseconds()).toBe(0);
    expect(new Date(lastUpdatedTime).getMilliseconds()).toBe(0);
  });

  it('refuse an unknown id', async () => {
    await expect(host.status('unknown')).rejects.toThrow('HTTP 404');
  });

  it('filter by status and time', async () => {
    const { instanceId } = await host.run('fails', {});
    const failed = await host.client<{ runtimeStatus: string; instanceId: string }[]>(
      'getStatusBy',
      { runtimeStatus: ['Failed'], createdTimeFrom: '2020-01-01T00:00:00Z' },
    );
    expect(new Set(failed.map(({ runtimeStatus }) => runtimeStatus))).toEqual(new Set(['Failed']));
    expect(failed.map((row) => row.instanceId)).toContain(instanceId);
    const none = await host.client<unknown[]>('getStatusBy', {
      createdTimeTo: '2020-01-01T00:00:00Z',
    });
    expect(none).toEqual([]);
  });

  it('page through more than one page', async () => {
    const ids = await Promise.all(
      Array.from({ length: 120 }, (_unused, n) => host.begin('returnsInput', {}, `page-${n}`)),
    );
    const all = await host.client<{ instanceId: string }[]>('getStatusAll');
    const listed = all.map(({ instanceId }) => instanceId);
    expect(listed).toEqual(expect.arrayContaining(ids));
    expect(new Set(listed).size).toBe(listed.length);
  });
});

describe('purge', () => {
  it('removes a finished instance', async () => {
    const { instanceId } = await host.run('returnsInput', {});
    const purged = await host.client('purgeInstanceHistory', instanceId);
    expect(purged).toEqual({ instancesDeleted: 1 });
    await expect(host.status(instanceId)).rejects.toThrow('404');
    expect(await host.client('purgeInstanceHistory', instanceId)).toEqual({ instancesDeleted: 0 });
  });

  it('refuses a running one', async () => {
    const id = await runningInstance();
    await expect(host.client('purgeInstanceHistory', id)).rejects.toThrow('412');
  });

  it('by filter leaves running ones alone', async () => {
    const id = await runningInstance();
    await host.run('fails', {});
    const { instancesDeleted } = await host.client<{ instancesDeleted: number }>(
      'purgeInstanceHistoryBy',
      { createdTimeFrom: '2020-01-01T00:00:00Z' },
    );
    expect(instancesDeleted).toBeGreaterThan(0);
    const left = await host.client<{ runtimeStatus: string; instanceId: string }[]>('getStatusAll');
    expect(left.map((row) => row.instanceId)).toContain(id);
    expect(left.filter(({ runtimeStatus }) => runtimeStatus === 'Failed')).toEqual([]);
  });
});
