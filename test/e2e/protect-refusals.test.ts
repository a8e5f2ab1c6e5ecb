import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokenPromises, readPoints } from './promises.ts';
import { BASELINE, fourDisks, protect, type SmallWorld, startSmallWorld } from './small-world.ts';

let small: SmallWorld;
beforeAll(async () => {
  small = await startSmallWorld();
});
afterAll(async () => {
  await small?.world.stop();
});

const noPromiseIsBroken = async (vms = [small.vm]): Promise<void> => {
  expect(await brokenPromises(small.world, small.app, { vms, baseline: BASELINE })).toEqual([]);
};

describe('a request that cannot be right', () => {
  it.each([
    ['no JSON', '{"vmId": ', 'application/json', 400],
    ['an array', '[]', 'application/json', 400],
    ['no VM', '{}', 'application/json', 400],
    [
      'an unknown field',
      '{"vmKey":"0123456789abcdef01234567","retain":3}',
      'application/json',
      400,
    ],
    ['a VM id that is none', '{"vmId":"db-1"}', 'application/json', 400],
    ['another media type', 'vmId=db-1', 'application/x-www-form-urlencoded', 415],
  ])('is refused when it has %s', async (_what, text, type, status) => {
    const answer = await small.app.callRaw('POST', '/api/points', text, type);

    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body).toMatchObject({ status, errorCode: expect.any(String) });
  });

  it('names the field that is wrong', async () => {
    const answer = await small.app.call('POST', '/api/points', {
      vmId: small.vm.vmId,
      consistency: { provider: 'lockstep', label: 'fileSystem', freezeDeadlineMs: 90_000 },
    });

    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain('freezeDeadlineMs');
  });

  it('is refused for an unknown VM', async () => {
    const answer = await small.app.call('POST', '/api/points', {
      vmId: small.vm.vmId.replace('db-1', 'db-9'),
    });

    expect(answer.status).toBe(404);
    expect(answer.body).toMatchObject({ errorCode: 'VmNotFound' });
  });

  it('is refused for an unknown replica target', async () => {
    const answer = await small.app.call('POST', '/api/points', {
      vmId: small.vm.vmId,
      targets: ['moon'],
    });

    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain('/targets/0');
  });

  it('is refused without a key, and for unknown runs and points', async () => {
    const { url } = small.app.host;

    expect((await fetch(new URL('/api/points', url))).status).toBe(401);
    expect((await small.app.call('GET', '/api/runs/protect-nobody')).status).toBe(404);
    expect((await small.app.call('GET', '/api/points/p-20200101T000000Z-00000000')).status).toBe(
      404,
    );
  });
});

describe('a VM that cannot be protected', () => {
  it('fails the run of a stopped VM', async () => {
    const vm = await small.world.azure.control.createVm({
      ...fourDisks('stopped-1'),
      power: 'deallocated',
    });
    await small.world.azure.control.takeBaseline(BASELINE);

    const run = await protect(small.app, vm.vmId);

    expect(run).toMatchObject({ state: 'failed', failure: { errorCode: 'VmNotRunning' } });
  });

  it('fails the run of a VM without an agent, before anything is made', async () => {
    await small.world.guests.setAgentStatus(small.vm.vmId, 'None');

    const run = await protect(small.app, small.vm.vmId);
    await small.world.guests.setAgentStatus(small.vm.vmId, 'Ready');

    expect(run).toMatchObject({ state: 'failed', failure: { errorCode: 'VmAgentNotReady' } });
  });

  it('refuses a second run of a VM while one is going, and names it', async () => {
    await small.world.guests.setBehaviour(small.vm.vmId, { answersAfterMs: 800 });
    const first = await small.app.call<{ runId: string }>('POST', '/api/points', {
      vmId: small.vm.vmId,
      targets: [],
    });

    const second = await small.app.call('POST', '/api/points', { vmId: small.vm.vmId });
    await small.app.finishRun(first.headers.get('location') ?? '');
    await small.world.guests.setBehaviour(small.vm.vmId, {});

    expect(second.status).toBe(409);
    expect(second.body).toMatchObject({ errorCode: 'RunInProgress', runId: first.body.runId });
  });
});

describe('a snapshot that is refused', () => {
  it('thaws the guest and leaves nothing when snapshot 3 of 4 is refused', async () => {
    await small.world.azure.control.addFault(
      { service: 'arm', method: 'PUT', pathPattern: '/snapshots/', nth: 3, count: 1 },
      { status: 409, code: 'OperationNotAllowed', message: 'planted refusal' },
    );

    const run = await protect(small.app, small.vm.vmId);
    await small.world.azure.control.clearFaults();

    expect(run.state).toBe('failed');
    expect(run.failure?.message).toContain('planted refusal');
    await noPromiseIsBroken();
    const [freeze] = (await small.world.guests.freezes({ vmId: small.vm.vmId })).slice(-1);
    expect(freeze?.cause).toBe('released');
  });

  it('retries with a new attempt when the platform throttles one snapshot', async () => {
    await small.world.azure.control.addFault(
      { service: 'arm', method: 'PUT', pathPattern: '/snapshots/', nth: 2, count: 1 },
      { status: 429, code: 'TooManyRequests', message: 'planted', headers: { 'Retry-After': '1' } },
    );

    const run = await protect(small.app, small.vm.vmId);
    await small.world.azure.control.clearFaults();

    expect(run.state).toBe('succeeded');
    const point = (await readPoints(small.app)).find(({ pointId }) => pointId === run.pointId);
    const attempts = new Set(point?.disks.map(({ snapshot }) => snapshot?.snapshotId.slice(-6)));
    expect(attempts.size).toBe(1);
    await noPromiseIsBroken();
  });
});

describe('after all of that', () => {
  it('protects the VM as if nothing had been', async () => {
    const run = await protect(small.app, small.vm.vmId);

    expect(run.state).toBe('succeeded');
    const point = (await readPoints(small.app)).find(({ pointId }) => pointId === run.pointId);
    expect(point?.label).toBe('fileSystem');
    expect(point?.vmName).toBe('db-1');
    await noPromiseIsBroken();
  });
});
